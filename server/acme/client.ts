import { createPublicKey, hash, type KeyObject, sign } from 'node:crypto'
import { request } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { rootCertificates } from 'node:tls'

/** What the authority answered instead of what was asked for (RFC 8555, 6.7). */
export class AcmeError extends Error {
  readonly status: number
  /** Without its namespace, such as `rateLimited`. */
  readonly type: string
  /** When to try again, if the authority says so. */
  readonly retryAt: number | undefined

  constructor({ status, body, retryAt }: Answer) {
    const { type = '', detail = `status ${status}` } = tryParse(body)
    super(`The certificate authority refused: ${String(detail).slice(0, 300)}`)
    this.status = status
    this.type = String(type).split(':').at(-1) ?? ''
    this.retryAt = retryAt
  }
}

export interface Directory {
  newNonce: string
  newAccount: string
  newOrder: string
  /** Absent without ARI (RFC 9773). */
  renewalInfo?: string
  meta?: { profiles?: Record<string, string> }
}

export interface Answer {
  status: number
  location: string
  body: string
  retryAt: number | undefined
  /** The time of the authority, if it gives it. */
  date: number | undefined
  nonce: string | undefined
}

export interface AcmeClientOptions {
  directoryUrl: string
  /** More certificates to trust the authority with, in PEM. */
  roots?: readonly string[]
  /** A P-256 key. */
  accountKey: KeyObject
}

const timeoutMs = 30_000
const answerLimitBytes = 2 ** 20
// An authority may refuse any nonce, and pebble does so on purpose.
const nonceAttempts = 20

/** Speaks ACME (RFC 8555) with one account: signs requests, and reads answers. */
export class AcmeClient {
  readonly #options: AcmeClientOptions
  readonly #jwk: Record<string, unknown>
  readonly #trusted: string[]
  #nonce: string | undefined
  #account: string | undefined
  directory!: Directory
  /** How far the clock of the authority is ahead of ours. */
  clockAheadMs = 0

  private constructor(options: AcmeClientOptions) {
    this.#options = options
    this.#trusted = [...rootCertificates, ...(options.roots ?? [])]
    const { crv, kty, x, y } = createPublicKey(options.accountKey).export({ format: 'jwk' })
    // In this order, for the thumbprint (RFC 7638, 3).
    this.#jwk = { crv, kty, x, y }
  }

  /** Registers the account, or finds it again. */
  static async connect(options: AcmeClientOptions): Promise<AcmeClient> {
    const client = new AcmeClient(options)
    const answer = await client.get(options.directoryUrl)
    client.directory = JSON.parse(answer.body)
    client.clockAheadMs = (answer.date ?? Date.now()) - Date.now()
    const account = { termsOfServiceAgreed: true }
    client.#account = (await client.post(client.directory.newAccount, account)).location
    return client
  }

  /** What the authority must find under a token. */
  keyAuthorization(token: string): string {
    return `${token}.${hash('sha256', JSON.stringify(this.#jwk), 'base64url')}`
  }

  /** @throws {AcmeError} */
  async get(url: string): Promise<Answer> {
    const answer = await this.#send('GET', url)
    if (answer.status >= 300) throw new AcmeError(answer)
    return answer
  }

  /** A signed request; without a payload it only reads. @throws {AcmeError} */
  async post(url: string, payload?: unknown): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#send('POST', url, await this.#sign(url, payload))
      this.#nonce = answer.nonce
      if (answer.status < 300) return answer
      const error = new AcmeError(answer)
      if (error.type !== 'badNonce' || attempt === nonceAttempts) throw error
    }
  }

  async #sign(url: string, payload: unknown): Promise<string> {
    this.#nonce ??= (await this.#send('HEAD', this.directory.newNonce)).nonce
    const signer = this.#account === undefined ? { jwk: this.#jwk } : { kid: this.#account }
    const head = encode(JSON.stringify({ alg: 'ES256', nonce: this.#nonce, url, ...signer }))
    const body = payload === undefined ? '' : encode(JSON.stringify(payload))
    const key = { key: this.#options.accountKey, dsaEncoding: 'ieee-p1363' as const }
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), key)
    this.#nonce = undefined
    return JSON.stringify({ protected: head, payload: body, signature: encode(signature) })
  }

  #send(method: string, url: string, body?: string): Promise<Answer> {
    const headers = {
      // RFC 8555, 6.1: it must be there, and Node sends none by itself.
      'User-Agent': 'onebox',
      ...(body === undefined ? {} : { 'Content-Type': 'application/jose+json' }),
    }
    const signal = AbortSignal.timeout(timeoutMs)
    const ca = this.#trusted
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, ca, signal, agent: false }, async (response) => {
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > answerLimitBytes) response.destroy(new Error('The answer is too large'))
        })
        try {
          const text = (await buffer(response)).toString('utf8')
          resolve(readAnswer(response.statusCode ?? 0, response.headers, text))
        } catch (error) {
          reject(error)
        }
      })
      sent.on('error', (error) => reject(new Error(explain(error, url))))
      sent.end(body)
    })
  }
}

type Headers = Record<string, string | string[] | undefined>

function readAnswer(status: number, headers: Headers, body: string): Answer {
  return {
    status,
    location: String(headers.location ?? ''),
    body,
    retryAt: timeOf(headers['retry-after']),
    date: timeOf(headers.date),
    nonce: headers['replay-nonce'] as string | undefined,
  }
}

/** Of a number of seconds from now, or of a date. */
function timeOf(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined
  const time = /^\d+$/.test(header) ? Date.now() + Number(header) * 1000 : Date.parse(header)
  return Number.isNaN(time) ? undefined : time
}

function explain({ name, message, code }: NodeJS.ErrnoException, url: string): string {
  const { host } = new URL(url)
  if (name === 'AbortError' || name === 'TimeoutError') return `${host} does not answer`
  const isDate = code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED'
  const cure = isDate ? ': is the clock of this machine right?' : ''
  return `${host} cannot be reached (${code ?? message})${cure}`
}

function encode(bytes: string | Buffer): string {
  return Buffer.from(bytes).toString('base64url')
}

function tryParse(text: string): { type?: unknown; detail?: unknown } {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
