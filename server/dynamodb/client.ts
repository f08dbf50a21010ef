import { hash } from 'node:crypto'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { type Credentials, sign } from '../aws/sign.ts'
import type { HttpError } from '../http/http-error.ts'
import { DynamoError, noAnswer, tooBusy } from './errors.ts'
import { Gate } from './gate.ts'

/** What a role or the environment provides. */
export interface CredentialSource {
  get: () => Promise<Credentials>
  /** After AWS has refused them; resolves to whether there can be new ones. */
  renew: (refused: Credentials) => Promise<boolean>
}

export interface ClientOptions {
  endpoint: string
  region: string
  credentials: CredentialSource
  /** How long a call may take with all of its tries, and a try. */
  callTimeoutMs: number
  tryTimeoutMs: number
}

// DynamoDB takes no request beyond 16 MiB and sends no longer answer.
const answerLimitBytes = 20 * 2 ** 20
// Lists have connections of their own, as many of them would keep single items waiting.
const sockets = { items: 48, lists: 16 }
const skewMs = 60_000

interface Attempt {
  operation: string
  body: string
  kind: keyof typeof sockets
  credentials: Credentials
  now: Date
  timeoutMs: number
}

/** A connection that failed or an answer that did not come: the call may have been carried out. */
class Broken extends Error {}

/**
 * Calls DynamoDB. What can succeed later is tried again within the time-out; a put or a transaction
 * must be written so that carrying it out twice does no harm.
 */
export class DynamoClient {
  readonly #options: ClientOptions
  readonly #url: URL
  readonly #transport: typeof http | typeof https
  readonly #agents: Record<keyof typeof sockets, http.Agent>
  readonly #gate = new Gate()
  #clockOffsetMs = 0
  /** The latest. */
  #failure = new Error()
  /** Totals since the start, for /metrics. */
  readonly totals = { calls: 0, failures: 0, seconds: 0 }

  constructor(options: ClientOptions) {
    this.#options = options
    this.#url = new URL('/', options.endpoint)
    this.#transport = this.#url.protocol === 'https:' ? https : http
    const agent = (maxSockets: number) =>
      new this.#transport.Agent({ keepAlive: true, maxSockets, timeout: 10_000 })
    this.#agents = { items: agent(sockets.items), lists: agent(sockets.lists) }
  }

  /** How long a call may take with all of its tries. */
  get timeoutMs(): number {
    return this.#options.callTimeoutMs
  }

  /** How far this machine's clock is off, if DynamoDB has refused a call for it. */
  get clockErrorSeconds(): number {
    return Math.abs(this.#clockOffsetMs) / 1000
  }

  /** @throws {DynamoError} that trying again cannot help @throws {HttpError} 503 after the time-out */
  async call<Output>(
    operation: string,
    input: object,
    kind: keyof typeof sockets = 'items',
  ): Promise<Output> {
    const body = JSON.stringify(input)
    const { callTimeoutMs, tryTimeoutMs } = this.#options
    const deadline = performance.now() + callTimeoutMs
    const left = () => deadline - performance.now()
    let attempt: Attempt | undefined
    for (let tries = 0; ; tries += 1) {
      if (!(await this.#gate.enter(left()))) throw noAnswer(this.#failure)
      try {
        const credentials = await this.#credentials()
        const now = new Date(Date.now() + this.#clockOffsetMs)
        // Credentials may have taken all of it.
        const timeoutMs = Math.max(1, Math.min(tryTimeoutMs, left()))
        attempt = { operation, body, kind, credentials, now, timeoutMs }
        return await this.#try(attempt)
      } catch (error) {
        const { pauseMs, reason } = await this.#recover(error, tries, attempt)
        if (pauseMs >= left()) throw reason
        await delay(pauseMs)
      }
    }
  }

  close() {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  async #try<Output>(attempt: Attempt): Promise<Output> {
    const startedAt = performance.now()
    this.totals.calls += 1
    try {
      const { response, body } = await this.#send(attempt)
      const { statusCode = 0, headers } = response
      if (statusCode < 500) this.#gate.open()
      if (statusCode === 200) return JSON.parse(body)
      throw new DynamoError(attempt.operation, statusCode, body, headers.date)
    } finally {
      this.totals.seconds += (performance.now() - startedAt) / 1000
    }
  }

  async #credentials(): Promise<Credentials> {
    try {
      return await this.#options.credentials.get()
    } catch (cause) {
      throw new Broken(`no credentials: ${(cause as Error).message}`, { cause })
    }
  }

  #send(attempt: Attempt): Promise<{ response: IncomingMessage; body: string }> {
    return new Promise((resolve, reject) => {
      const sent = this.#transport.request(this.#url, {
        method: 'POST',
        agent: this.#agents[attempt.kind],
        headers: this.#headers(attempt),
      })
      const late = () => sent.destroy(new Broken('no answer in time'))
      const timer = setTimeout(late, attempt.timeoutMs)
      sent.on('error', fail)
      sent.on('response', (response) => {
        readText(response).then((text) => {
          clearTimeout(timer)
          resolve({ response, body: text })
        }, fail)
      })
      sent.end(attempt.body)

      function fail(cause: Error) {
        clearTimeout(timer)
        sent.destroy()
        reject(cause instanceof Broken ? cause : new Broken(cause.message, { cause }))
      }
    })
  }

  #headers({ operation, body, credentials, now }: Attempt) {
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
    }
    const request = { method: 'POST', url: this.#url, headers, digest: hash('sha256', body) }
    const scope = { region: this.#options.region, service: 'dynamodb' } as const
    const signed = sign(request, credentials, scope, now)
    return { ...signed, 'content-length': String(Buffer.byteLength(body)) }
  }

  /** How long to wait before the next try, and what to answer without one. @throws the error itself */
  async #recover(
    error: unknown,
    tries: number,
    attempt: Attempt | undefined,
  ): Promise<{ pauseMs: number; reason: HttpError }> {
    this.totals.failures += 1
    this.#failure = error as Error
    if (error instanceof Broken) {
      this.#gate.close()
      return { pauseMs: randomUpTo(25 * 2 ** tries, 400), reason: noAnswer(error) }
    }
    if (!(error instanceof DynamoError && attempt)) throw error
    const { remedy } = error
    if (error.status >= 500) this.#gate.close()
    const reason = error.status >= 500 ? noAnswer(error) : tooBusy(error)
    if (remedy === 'wait') return { pauseMs: randomUpTo(100 * 2 ** tries, 1000), reason }
    const { credentials } = this.#options
    const canHelp =
      (remedy === 'renew' && (await credentials.renew(attempt.credentials))) ||
      (remedy === 'set clock' && this.#setClock(error, attempt.now)) ||
      remedy === 'retry'
    if (!canHelp) throw error
    return { pauseMs: randomUpTo(25 * 2 ** tries, 400), reason }
  }

  /** Goes by DynamoDB's clock from now on; false if `used` was right. */
  #setClock({ time }: DynamoError, used: Date): boolean {
    if (Math.abs(time - used.getTime()) < skewMs) return false
    this.#clockOffsetMs = time - Date.now()
    return true
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes > answerLimitBytes) throw new Broken('an answer that is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function randomUpTo(...limits: number[]): number {
  return Math.random() * Math.min(...limits)
}
