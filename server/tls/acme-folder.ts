import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the ACME client last wrote about the certificate it looks after. */
export interface AcmeState {
  /** The names that the certificate is to cover. */
  names: string[]
  /** Names that it cannot cover yet, as they do not point to this machine. */
  leftOut?: string[] | undefined
  /** Why the last attempt failed. */
  problem?: string | undefined
  /** When it next tries, or renews. */
  nextTryAt?: string | undefined
}

/** The files in the folder that the ACME client writes, and the server reads. */
export function acmeFiles(dir: string) {
  return {
    account: join(dir, 'account.pem'),
    state: join(dir, 'state.json'),
    order: join(dir, 'order.json'),
    certificate: join(dir, 'certificate.pem'),
    /** A folder with a file per token. */
    challenges: join(dir, 'challenges'),
  }
}

/** Whether it is the token of a challenge (RFC 8555, 8.3), and so safe as the name of a file. */
export function isChallengeToken(text: string): boolean {
  return /^[\w-]{1,128}$/.test(text)
}

/** `undefined` without a client, or if its file is unreadable: nothing may depend on it. */
export function readAcmeState(dir: string | undefined): AcmeState | undefined {
  if (dir === undefined) return undefined
  try {
    const text = readFileSync(acmeFiles(dir).state, 'utf8')
    const { names, leftOut, problem, nextTryAt } = JSON.parse(text)
    return Array.isArray(names) ? { names, leftOut, problem, nextTryAt } : undefined
  } catch {
    return undefined
  }
}
