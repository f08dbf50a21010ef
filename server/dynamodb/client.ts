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
  renew: () => Promise<boolean>
}

export interface ClientOptions {
  endpoint: string
  region: string
  credentials: CredentialSource
}

// With an answer to the client, everything is over within three seconds.
const patienceMs = 2800
const tryMs = 2000
// DynamoDB takes no request beyond 16 MiB and sends no longer answer.
const answerLimitBytes = 20 * 2 ** 20
// Lists have connections of their own, as many of them would keep single items waiting.
const sockets = { items: 48, lists: 16 }
const skewMs = 60_000

/** A connection that failed or an answer that did not come: the call may have been carried out. */
class Broken extends Error {}

/**
 * Calls DynamoDB. What can succeed later is tried again, within three seconds; a put or a transaction
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

  /** How far this machine's clock is behind DynamoDB's. */
  get clockOffsetSeconds(): number {
    return this.#clockOffsetMs / 1000
  }

  /** @throws {DynamoError} that trying again cannot help @throws {HttpError} 503 after 3 s */
  async call<Output>(
    operation: string,
    input: object,
    kind: keyof typeof sockets = 'items',
  ): Promise<Output> {
    const body = JSON.stringify(input)
    const deadline = performance.now() + patienceMs
    const left = () => deadline - performance.now()
    for (let tries = 0; ; tries += 1) {
      if (!(await this.#gate.enter(left()))) throw noAnswer(this.#failure)
      try {
        return await this.#try(operation, body, kind, Math.min(tryMs, left()))
      } catch (error) {
        const { pauseMs, reason } = await this.#recover(error, tries)
        if (pauseMs >= left()) throw reason
        await delay(pauseMs)
      }
    }
  }

  close() {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  async #try<Output>(
    operation: string,
    body: string,
    kind: keyof typeof sockets,
    timeoutMs: number,
  ): Promise<Output> {
    const credentials = await this.#credentials()
    const startedAt = performance.now()
    this.totals.calls += 1
    try {
      const answer = await this.#send(operation, body, kind, credentials, timeoutMs)
      const { statusCode = 0, headers } = answer.response
      if (statusCode < 500) this.#gate.open()
      if (statusCode === 200) return JSON.parse(answer.body)
      throw new DynamoError(operation, statusCode, answer.body, headers.date)
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

  #send(
    operation: string,
    body: string,
    kind: keyof typeof sockets,
    credentials: Credentials,
    timeoutMs: number,
  ): Promise<{ response: IncomingMessage; body: string }> {
    return new Promise((resolve, reject) => {
      const sent = this.#transport.request(this.#url, {
        method: 'POST',
        agent: this.#agents[kind],
        headers: this.#headers(operation, body, credentials),
      })
      const timer = setTimeout(() => sent.destroy(new Broken('no answer in time')), timeoutMs)
      sent.on('error', fail)
      sent.on('response', (response) => {
        readText(response).then((text) => {
          clearTimeout(timer)
          resolve({ response, body: text })
        }, fail)
      })
      sent.end(body)

      function fail(cause: Error) {
        clearTimeout(timer)
        sent.destroy()
        reject(cause instanceof Broken ? cause : new Broken(cause.message, { cause }))
      }
    })
  }

  #headers(operation: string, body: string, credentials: Credentials) {
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
    }
    const request = { method: 'POST', url: this.#url, headers, digest: hash('sha256', body) }
    const scope = { region: this.#options.region, service: 'dynamodb' } as const
    const now = new Date(Date.now() + this.#clockOffsetMs)
    const signed = sign(request, credentials, scope, now)
    return { ...signed, 'content-length': String(Buffer.byteLength(body)) }
  }

  /** How long to wait before the next try, and what to answer without one. @throws the error itself */
  async #recover(error: unknown, tries: number): Promise<{ pauseMs: number; reason: HttpError }> {
    this.totals.failures += 1
    this.#failure = error as Error
    if (error instanceof Broken) {
      this.#gate.close()
      return { pauseMs: randomUpTo(25 * 2 ** tries, 400), reason: noAnswer(error) }
    }
    if (!(error instanceof DynamoError)) throw error
    const { remedy } = error
    if (error.status >= 500) this.#gate.close()
    if (remedy === 'wait') return { pauseMs: randomUpTo(100 * 2 ** tries, 1000), reason: tooBusy() }
    if (remedy === 'set clock') this.#setClock(error)
    const canHelp = remedy === 'renew' ? await this.#options.credentials.renew() : remedy
    if (!canHelp) throw error
    const reason = error.status >= 500 ? noAnswer(error) : tooBusy()
    return { pauseMs: randomUpTo(25 * 2 ** tries, 400), reason }
  }

  /** Goes by DynamoDB's clock from now on. @throws {DynamoError} if the clock was not the reason */
  #setClock(error: DynamoError) {
    const offsetMs = error.time - Date.now()
    if (Math.abs(offsetMs - this.#clockOffsetMs) < skewMs) throw error
    this.#clockOffsetMs = offsetMs
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
