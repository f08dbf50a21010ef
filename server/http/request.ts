import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { prefersHtml } from './accept.ts'
import { contentTypeOf, hasBody, readText, unsupportedType } from './body.ts'
import { type Preconditions, readPreconditions } from './conditional.ts'
import { isAuthority } from './framing.ts'
import { HttpError } from './http-error.ts'
import { parseJson } from './json.ts'
import type { Limits } from './limits.ts'
import type { TrustedProxies } from './proxies.ts'

/** A request as handlers see it, without the connection behind it. */
export class HttpRequest {
  readonly #incoming: IncomingMessage
  readonly #response: ServerResponse
  readonly #limits: Limits
  readonly #proxies: TrustedProxies
  #heldBytes = 0
  /** The decoded value of the placeholder, such as `{username}`. */
  parameter = ''

  constructor(
    incoming: IncomingMessage,
    response: ServerResponse,
    { limits, proxies }: { limits: Limits; proxies: TrustedProxies },
  ) {
    this.#incoming = incoming
    this.#response = response
    this.#limits = limits
    this.#proxies = proxies
  }

  get method(): string {
    return this.#incoming.method as string
  }

  /** Whether the method is GET or HEAD. */
  get isRead(): boolean {
    return this.method === 'GET' || this.method === 'HEAD'
  }

  /** Whether the client prefers a page to JSON. */
  get prefersHtml(): boolean {
    return prefersHtml(this.header('accept'))
  }

  /** The preconditions of the request. */
  get preconditions(): Preconditions {
    return readPreconditions(this.#incoming)
  }

  /** Whether the request has a body. */
  get hasBody(): boolean {
    return hasBody(this.#incoming)
  }

  /** The media type of the body in lower case, or '' without one. @throws {HttpError} 415 */
  get contentType(): string {
    return contentTypeOf(this.#incoming)
  }

  /** The client's address, also behind trusted proxies. */
  get address(): string {
    return this.#proxies.clientOf(this.#peer, this.header('x-forwarded-for'))
  }

  /** Whether it came over TLS. */
  get isEncrypted(): boolean {
    return (this.#incoming.socket as TLSSocket).encrypted === true
  }

  /** Whether it came from this machine. */
  get isFromHere(): boolean {
    return /^(::ffff:)?127\.|^::1$|^$/.test(this.#peer)
  }

  /** Whether it came from a trusted proxy. */
  get isForwarded(): boolean {
    return this.#proxies.trusts(this.#peer)
  }

  /** Scheme and host as the client sees them, such as `https://example.com`. */
  get origin(): string {
    const scheme = this.#forwarded('x-forwarded-proto').toLowerCase()
    const host = this.#forwarded('x-forwarded-host')
    const ownScheme = this.isEncrypted ? 'https' : 'http'
    const ownHost = this.header('host') ?? ''
    return `${/^https?$/.test(scheme) ? scheme : ownScheme}://${isAuthority(host) ? host : ownHost}`
  }

  get #peer(): string {
    return this.#incoming.socket.remoteAddress ?? ''
  }

  /** The last value of a header, if it comes from a trusted proxy. */
  #forwarded(name: string): string {
    const said = this.isForwarded ? this.header(name) : undefined
    return said?.split(',').at(-1)?.trim() ?? ''
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  /** The body as text. @throws {HttpError} 400, 413, 415 or 503 */
  text(limitBytes = this.#limits.bodyLimitBytes): Promise<string> {
    return readText(this.#incoming, {
      limitBytes,
      hold: (bytes) => this.#hold(bytes),
      sendContinue: () => this.#response.writeContinue(),
    })
  }

  /** The same for bodies of many records. */
  bulkText(): Promise<string> {
    return this.text(this.#limits.bulkBodyLimitBytes)
  }

  /** The body, which must be JSON. @throws {HttpError} as for `text` */
  async json(): Promise<unknown> {
    if (!this.hasBody) throw new HttpError(400, 'The body is empty: send JSON')
    const { contentType } = this
    if (contentType !== 'application/json') throw unsupportedType(contentType, 'application/json')
    return parseJson(await this.text())
  }

  #hold(bytes: number) {
    this.#limits.bodies.take(bytes)
    this.#heldBytes += bytes
  }

  /** Returns the body's share of the budget, once the request is answered. */
  release() {
    if (this.#heldBytes > 0) this.#limits.bodies.give(this.#heldBytes)
    this.#heldBytes = 0
  }

  /** @throws {HttpError} 400 for an unknown or repeated name */
  query<Name extends string>(names: readonly Name[]): Partial<Record<Name, string>> {
    const url = this.#incoming.url as string
    const mark = url.indexOf('?')
    const query: Partial<Record<Name, string>> = {}
    if (mark < 0) return query
    for (const [name, value] of searchParameters(url.slice(mark + 1))) {
      if (!isOneOf(names, name)) {
        const cure = names.length > 0 ? `use ${names.join(', ')}` : 'send no query'
        throw new HttpError(400, `Unknown parameter "${name.slice(0, 80)}": ${cure}`)
      }
      if (query[name] !== undefined)
        throw new HttpError(400, `The parameter ${name} appears twice: send it once`)
      query[name] = value
    }
    return query
  }
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return (names as readonly string[]).includes(name)
}

/** Decodes a query string strictly: invalid UTF-8 is an error instead of U+FFFD. */
export function searchParameters(search: string): [string, string][] {
  return search
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      return equals < 0
        ? [decodeFormText(pair), '']
        : [decodeFormText(pair.slice(0, equals)), decodeFormText(pair.slice(equals + 1))]
    })
}

function decodeFormText(encoded: string): string {
  return /[+%]/.test(encoded) ? decodePercent(encoded.replaceAll('+', ' ')) : encoded
}

/** @throws {HttpError} 400 if the escapes are not valid UTF-8 */
export function decodePercent(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw new HttpError(400, `"${encoded.slice(0, 80)}" is not valid percent-encoded UTF-8`)
  }
}
