import { createPrivateKey } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { readJson, readText, writeFileDurably } from '../files.ts'
import { type AcmeState, acmeFiles } from '../tls/acme-folder.ts'
import { type Certificate, readCertificate } from '../tls/certificate.ts'
import { AcmeClient, AcmeError } from './client.ts'
import type { Names } from './names.ts'
import { finishOrder, newKeyPem, OrderFailed, type PendingOrder, placeOrder } from './order.ts'
import { askRenewalInfo, certificateId } from './renewal-info.ts'

export interface RenewOptions extends Names {
  /** Has the account, the order under way, the state, the challenges and the certificate. */
  dir: string
  directoryUrl: string
  /** More certificates to trust the authority with, in PEM. */
  roots: readonly string[]
}

/** What outlives a run. */
export interface State extends AcmeState {
  nextTryAt: string
  directoryUrl: string
  /** Attempts without success. */
  failures: number
  /** When to ask the authority for a better time to renew. */
  askAt?: string | undefined
  /** What is wrong with the clock of this machine. */
  clock?: string | undefined
  /** The last certificate that an order named as replaced: an authority takes that only once. */
  replaced?: string | undefined
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
// Let's Encrypt allows five failures an hour.
const retryAfterMs = [2, 10, 30, 60, 180, 360].map((minutes) => minutes * minuteMs)
const longestWaitMs = 8 * 24 * hourMs
const shortestAskMs = 10 * minuteMs
const longestAskMs = 6 * hourMs
const clockToleranceMs = 5 * minuteMs

/**
 * Looks after the certificate: orders one if there is none for these names, and renews it in time. A
 * run can be cut short anywhere, and the next continues. Whatever fails, the certificate in place
 * stays, the reason and the time of the next attempt are written down, and nothing is thrown.
 * @returns a line about what was done, if anything was
 */
export async function renew(options: RenewOptions): Promise<string | undefined> {
  mkdirSync(options.dir, { recursive: true })
  const files = acmeFiles(options.dir)
  const known = readJson<State>(files.state)
  const current = readCurrent(files.certificate)
  const state = isFor(known, options) ? known : beginAnew(known, current, options)
  const pending = readPending(files.order, options)
  if (current && pending && current.pem.startsWith(pending.keyPem)) return finish(current)
  if (isDue(state, current, options)) return attempt()
  if (current && state.failures === 0) await askWhen(current)

  async function attempt(): Promise<string> {
    const failures = state.failures + 1
    const waitMs = retryAfterMs[Math.min(failures, retryAfterMs.length) - 1] as number
    const problem = 'A certificate is being requested'
    const begun = { ...state, failures, problem, nextTryAt: iso(Date.now() + waitMs) }
    // First, so that a run that is cut short counts too.
    save(begun)
    try {
      const client = await connect(options)
      const pem = await order(client, begun)
      writeFileDurably(files.certificate, pem, 0o640)
      return finish(readCertificate(pem), clockProblem(client))
    } catch (error) {
      if (isFinal(error)) rmSync(files.order, { force: true })
      const retryAt = (error as Partial<AcmeError>).retryAt ?? 0
      const nextTryAt = Math.max(Date.now() + waitMs, Math.min(retryAt, Date.now() + longestWaitMs))
      const { message: problem } = error as Error
      save({ ...(readJson<State>(files.state) ?? begun), problem, nextTryAt: iso(nextTryAt) })
      return `${problem}; next try at ${iso(nextTryAt)}`
    }
  }

  /** Continues the order under way, or places one. */
  async function order(client: AcmeClient, state: State): Promise<string> {
    const { names, directoryUrl } = options
    let next: PendingOrder = pending ?? { directoryUrl, names, keyPem: newKeyPem() }
    if (next.url === undefined) {
      next = { ...next, url: await place(client, state) }
      savePending(next)
    }
    return finishOrder(client, next, files.challenges)
  }

  async function place(client: AcmeClient, state: State): Promise<string> {
    const { names } = options
    const id = current && names.some(current.covers) ? certificateId(leafOf(current)) : undefined
    const isKnown = state.replaced === id || client.directory.renewalInfo === undefined
    if (id === undefined || isKnown) return placeOrder(client, names, undefined)
    save({ ...state, replaced: id })
    try {
      return await placeOrder(client, names, id)
    } catch (error) {
      const { type } = error as Partial<AcmeError>
      // The authority does not know that certificate, or has another order for it.
      if (type !== 'alreadyReplaced' && type !== 'malformed') throw error
      return placeOrder(client, names, undefined)
    }
  }

  function finish(certificate: Certificate, clock?: string): string {
    const { names, directoryUrl, problem } = options
    const nextTryAt = iso(halfOf(certificate))
    const { replaced } = readJson<State>(files.state) ?? state
    const askAt = iso(Date.now())
    save({ names, problem, nextTryAt, directoryUrl, failures: 0, askAt, replaced, clock })
    rmSync(files.order, { force: true })
    const until = iso(certificate.notAfter)
    return `The certificate for ${certificate.names.join(', ')} is valid until ${until}`
  }

  async function askWhen(certificate: Certificate) {
    const { problem } = options
    const isTime = Date.now() >= Date.parse(state.askAt ?? iso(0))
    if (!isTime && isFor(known, options) && (problem ?? state.clock) === known.problem) return
    save({ ...state, ...(isTime && (await ask(certificate))), problem })
  }

  /** What the authority says; without its answer, half of the lifetime decides alone. */
  async function ask(certificate: Certificate): Promise<Partial<State>> {
    const half = halfOf(certificate)
    try {
      const client = await connect(options)
      const chosen = Date.parse(state.nextTryAt)
      const info = await askRenewalInfo(client, leafOf(certificate), chosen)
      const { renewAt, askAt } = info ?? { renewAt: half, askAt: Date.now() + longestAskMs }
      const nextTryAt = iso(Math.min(renewAt, half))
      return { nextTryAt, askAt: iso(limitAsk(askAt)), clock: clockProblem(client) }
    } catch {
      return { askAt: iso(limitAsk(0)) }
    }
  }

  function save(state: State) {
    const { leftOut } = options
    const shown = { ...state, leftOut, problem: state.problem ?? state.clock }
    writeFileDurably(files.state, `${JSON.stringify(shown, null, 2)}\n`, 0o640)
  }

  function savePending(order: PendingOrder) {
    writeFileDurably(files.order, JSON.stringify(order), 0o600)
  }
}

/** The names of the certificate in place. */
export function certificateNames(dir: string): string[] {
  return readCurrent(acmeFiles(dir).certificate)?.names ?? []
}

/** A certificate of this authority that has all names, such as after one was dropped, stays. */
function beginAnew(
  known: State | undefined,
  current: Certificate | undefined,
  { names, directoryUrl }: RenewOptions,
): State {
  const isOurs = known === undefined || known.directoryUrl === directoryUrl
  const stays = isOurs && current !== undefined && names.every(current.covers)
  return { names, nextTryAt: iso(stays ? halfOf(current) : 0), directoryUrl, failures: 0 }
}

/** Other names, as of a new address, or another authority begin anew. */
function isFor(state: State | undefined, options: RenewOptions): state is State {
  return state?.directoryUrl === options.directoryUrl && isSame(state.names, options.names)
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others)
}

/** Also an expired one. */
function readCurrent(file: string): Certificate | undefined {
  try {
    return readCertificate(readText(file) ?? '', 0)
  } catch {
    return undefined
  }
}

function readPending(file: string, options: RenewOptions): PendingOrder | undefined {
  const order = readJson<PendingOrder>(file)
  const { names, directoryUrl } = options
  return order?.directoryUrl === directoryUrl && isSame(order.names, names) ? order : undefined
}

function isDue(state: State, current: Certificate | undefined, { names }: RenewOptions): boolean {
  if (Date.now() >= Date.parse(state.nextTryAt)) return true
  return state.failures === 0 && !names.every((name) => current?.covers(name))
}

function connect({ dir, directoryUrl, roots }: RenewOptions): Promise<AcmeClient> {
  const file = acmeFiles(dir).account
  if (readText(file) === undefined) writeFileDurably(file, newKeyPem(), 0o600)
  const accountKey = createPrivateKey(readText(file) as string)
  return AcmeClient.connect({ directoryUrl, roots, accountKey })
}

/** Whether only a new order can succeed. */
function isFinal(error: unknown): boolean {
  if (error instanceof OrderFailed) return true
  return error instanceof AcmeError && error.status < 500 && error.status !== 429
}

function clockProblem({ clockAheadMs }: AcmeClient): string | undefined {
  if (Math.abs(clockAheadMs) < clockToleranceMs) return undefined
  const minutes = Math.round(Math.abs(clockAheadMs) / minuteMs)
  return `The clock of this machine is ${minutes} minutes ${clockAheadMs > 0 ? 'behind' : 'ahead'}`
}

/** Often enough to hear of a revocation in time. */
function limitAsk(askAt: number): number {
  return Math.min(Math.max(askAt, Date.now() + shortestAskMs), Date.now() + longestAskMs)
}

function leafOf({ pem }: Certificate): string {
  return pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))
}

function halfOf({ notBefore, notAfter }: Certificate): number {
  return (notBefore + notAfter) / 2
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
