import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeFileDurably } from '../files.ts'
import { isChallengeToken } from '../tls/acme-folder.ts'
import { readCertificate } from '../tls/certificate.ts'
import type { AcmeClient } from './client.ts'
import { certificateRequest } from './csr.ts'

/** The only profile of Let's Encrypt that covers addresses; it gives 160 hours. */
const profile = 'shortlived'
const longestLifetimeMs = 10 * 86_400_000
const patienceMs = 120_000

/** The order cannot be continued: only a new one can succeed. */
export class OrderFailed extends Error {}

/** An order under way, with the key that its certificate will have. */
export interface PendingOrder {
  directoryUrl: string
  names: string[]
  keyPem: string
  /** Absent until the authority has taken the order. */
  url?: string
}

interface Order {
  status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'
  authorizations: string[]
  finalize: string
  certificate?: string
  error?: { detail?: string }
}

interface Authorization {
  status: string
  identifier: { value: string }
  challenges: {
    type: string
    url: string
    token: string
    error?: { detail?: string }
  }[]
}

/** Begins an order. @throws {AcmeError} */
export async function placeOrder(
  client: AcmeClient,
  names: string[],
  replaces: string | undefined,
): Promise<string> {
  if (!Object.hasOwn(client.directory.meta?.profiles ?? {}, profile)) {
    throw new Error(`The certificate authority does not offer the profile ${profile}`)
  }
  const identifiers = names.map((value) => ({ type: isIP(value) > 0 ? 'ip' : 'dns', value }))
  const order = { identifiers, profile, ...(replaces && { replaces }) }
  return (await client.post(client.directory.newOrder, order)).location
}

/** Brings an order to its end from wherever it is. @returns key and certificate chain, checked */
export async function finishOrder(
  client: AcmeClient,
  { url = '', names, keyPem }: PendingOrder,
  challengeDir: string,
): Promise<string> {
  let order = await readOrder(client, url)
  if (order.status === 'pending') {
    for (const one of order.authorizations) await authorize(client, one, challengeDir)
    order = await untilOrder(client, url, ({ status }) => status !== 'pending')
  }
  if (order.status === 'ready') {
    const csr = certificateRequest(names, createPrivateKey(keyPem)).toString('base64url')
    await client.post(order.finalize, { csr })
  }
  const { certificate = '' } = await untilOrder(client, url, ({ status }) => status === 'valid')
  const chain = (await client.post(certificate)).body
  return checked(keyPem + chain, names)
}

export function newKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}

async function readOrder(client: AcmeClient, url: string): Promise<Order> {
  const order: Order = JSON.parse((await client.post(url)).body)
  if (order.status !== 'invalid') return order
  throw new OrderFailed(
    `The order failed: ${order.error?.detail ?? 'the authority does not say why'}`,
  )
}

async function untilOrder(client: AcmeClient, url: string, isThere: (order: Order) => boolean) {
  return poll('The order', () => readOrder(client, url), isThere)
}

async function authorize(client: AcmeClient, url: string, challengeDir: string) {
  const read = async (): Promise<Authorization> => JSON.parse((await client.post(url)).body)
  const { status, challenges, identifier } = await read()
  if (status === 'valid') return
  const challenge = challenges.find(({ type }) => type === 'http-01')
  if (!challenge || !isChallengeToken(challenge.token)) {
    throw new OrderFailed(`The authority offers no http-01 challenge for ${identifier.value}`)
  }
  const file = join(challengeDir, challenge.token)
  mkdirSync(challengeDir, { recursive: true })
  writeFileDurably(file, client.keyAuthorization(challenge.token), 0o640)
  try {
    await client.post(challenge.url, {})
    const done = await poll(
      `The check of ${identifier.value}`,
      read,
      (one) => one.status !== 'pending',
    )
    if (done.status !== 'valid') throw new OrderFailed(explain(done))
  } finally {
    rmSync(file, { force: true })
  }
}

function explain({ identifier, challenges }: Authorization): string {
  const detail = challenges.find(({ error }) => error)?.error?.detail ?? 'no reason is given'
  return `The authority could not verify ${identifier.value}: ${detail}`
}

async function poll<State>(
  what: string,
  read: () => Promise<State>,
  isThere: (state: State) => boolean,
): Promise<State> {
  const deadline = performance.now() + patienceMs
  for (let waitMs = 250; ; waitMs = Math.min(2 * waitMs, 5000)) {
    const state = await read()
    if (isThere(state)) return state
    if (performance.now() > deadline) throw new Error(`${what} was not done in two minutes`)
    await sleep(waitMs)
  }
}

/** An authority may ignore the profile, or send what does not belong to our key. */
function checked(pem: string, names: string[]): string {
  const { notBefore, notAfter, covers } = readCertificate(pem)
  const missing = names.filter((name) => !covers(name))
  if (missing.length > 0)
    throw new OrderFailed(`The certificate does not cover ${missing.join(', ')}`)
  if (notAfter - notBefore > longestLifetimeMs) {
    const days = Math.round((notAfter - notBefore) / 86_400_000)
    throw new OrderFailed(
      `The certificate is for ${days} days, so it is not of the profile ${profile}`,
    )
  }
  return pem
}
