import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the ACME client last wrote about the certificate it looks after. */
interface AcmeState {
  /** The names that the certificate is to cover. */
  names: string[]
  /** Why the last attempt failed. */
  problem?: string
  /** When it next tries, or renews. */
  nextTryAt?: string
}

/** `undefined` without a client, or if its file is unreadable: nothing may depend on it. */
export function readAcmeState(dir: string | undefined): AcmeState | undefined {
  if (dir === undefined) return undefined
  try {
    const { names, problem, nextTryAt } = JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8'))
    return Array.isArray(names) ? { names, problem, nextTryAt } : undefined
  } catch {
    return undefined
  }
}
