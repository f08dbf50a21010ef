import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { discardBody, hasUnreadBody } from './body.ts'
import { chooseEncoding, compress, type Encoding, isCompressible } from './compress.ts'
import { isUnchanged } from './conditional.ts'
import { after, type Eventual } from './eventual.ts'
import { assertFraming, isAuthority } from './framing.ts'
import { createHeadWriter } from './head.ts'
import { HttpError } from './http-error.ts'
import type { Limits } from './limits.ts'
import { Outbox } from './outbox.ts'
import { createPipeline } from './pipeline.ts'
import type { TrustedProxies } from './proxies.ts'
import { isSmall, notModified, problem, type Reply, type WireBody, wireOf } from './reply.ts'
import { HttpRequest } from './request.ts'
import type { Match } from './router.ts'

/** An answered request, for log and metrics. */
export interface Outcome {
  id: string
  traceparent: string | undefined
  method: string
  /** The pattern of the route, as paths may contain personal data; '' if none matched. */
  route: string
  status: number
  durationMs: number
  address: string
}

/** What having TLS means for requests. */
export interface HttpsPolicy {
  /** The answer to a plain request that belongs on HTTPS; `target` is its path and query. */
  redirect: (request: HttpRequest, target: string) => Reply | undefined
  /** Headers of every answer, as a flat list of names and values. */
  headers: (request: HttpRequest) => readonly string[]
}

interface ListenerOptions {
  find: (path: string) => Match | undefined
  limits: Limits
  /** An error for clients that prefer HTML; others get JSON. */
  problemPage: (error: HttpError) => Reply
  proxies: TrustedProxies
  /** Absent if the server has no TLS. */
  https?: HttpsPolicy | undefined
  /** The answer of a server whose data is elsewhere. */
  elsewhere: (target: string) => Eventual<Reply | undefined>
  /** Once true, each answer closes its connection. */
  isDraining: () => boolean
  onOutcome: (outcome: Outcome) => void
  onBug: (error: unknown, id: string) => void
}

interface ExchangeOptions extends ListenerOptions {
  outbox: Outbox
  writeHead: ReturnType<typeof createHeadWriter>
}

/** Makes the function that takes all requests and writes all replies. */
export function createListener(options: ListenerOptions) {
  const { limits } = options
  const inTurn = createPipeline(limits.pipelineLimit)
  const outbox = new Outbox(limits.answers, limits.answerTimeoutMs)
  const writeHead = createHeadWriter(limits.keepAliveTimeoutMs)
  const shared = { ...options, outbox, writeHead }
  return function listener(incoming: IncomingMessage, response: ServerResponse) {
    const exchange = new Exchange(shared, incoming, response)
    inTurn(response, () => exchange.run())
  }
}

/** One request and its answer. */
class Exchange {
  readonly #options: ExchangeOptions
  readonly #incoming: IncomingMessage
  readonly #response: ServerResponse
  readonly #request: HttpRequest
  readonly #startedAt = performance.now()
  readonly #id: string
  #route = ''
  #varies = false

  constructor(options: ExchangeOptions, incoming: IncomingMessage, response: ServerResponse) {
    this.#options = options
    this.#incoming = incoming
    this.#response = response
    this.#request = new HttpRequest(incoming, response, options)
    this.#id = requestId(incoming)
  }

  run() {
    try {
      const reply = this.#answer()
      if (reply instanceof Promise) this.#settle(reply)
      else this.#send(reply)
    } catch (error) {
      this.#fail(error)
    }
  }

  #settle(reply: Promise<Reply>) {
    reply.then(
      (settled) => this.#trySend(settled),
      (error) => this.#fail(error),
    )
  }

  #answer(): Reply | Promise<Reply> {
    assertFraming(this.#incoming)
    const target = targetOf(this.#incoming.url as string)
    const redirect = this.#options.https?.redirect(this.#request, target)
    if (redirect !== undefined) return redirect
    const elsewhere = this.#options.elsewhere(target)
    if (elsewhere === undefined) return this.#handle(target)
    return after(elsewhere, (reply) => reply ?? this.#handle(target))
  }

  #handle(target: string): Eventual<Reply> {
    const path = pathOf(target)
    const match = this.#options.find(path)
    if (!match) throw new HttpError(404, `There is nothing at ${path.slice(0, 80)}: see /docs`)
    this.#route = match.route.pattern
    const { method } = this.#request
    const handler = match.route.handlers.get(method)
    if (!handler) throw methodNotAllowed(method, match)
    this.#request.parameter = match.parameter
    this.#varies = handler.varies === true
    return handler(this.#request)
  }

  #fail(error: unknown) {
    if (!(error instanceof HttpError)) this.#options.onBug(error, this.#id)
    try {
      this.#send(
        this.#explain(
          error instanceof HttpError
            ? error
            : new HttpError(500, 'Internal error; the log has it under this request id'),
        ),
      )
    } catch {
      // An answer that has started, or cannot be written at all, can only be cut off.
      this.#response.destroy()
    }
  }

  #explain(error: HttpError): Reply {
    return this.#request.prefersHtml ? this.#options.problemPage(error) : problem(error)
  }

  #trySend(reply: Reply) {
    try {
      this.#send(reply)
    } catch (error) {
      this.#fail(error)
    }
  }

  #send(reply: Reply) {
    this.#request.release()
    const encoding = chooseEncoding(this.#incoming, reply)
    const isSuccess = reply.status < 300
    if (isSuccess && this.#request.isRead && isUnchanged(this.#request, reply.etag)) {
      return this.#write(notModified(reply), undefined, encoding)
    }
    if (!encoding && !hasUnreadBody(this.#incoming)) return this.#write(reply, wireOf(reply))
    this.#sendLater(reply, encoding).catch((error) => this.#fail(error))
  }

  async #sendLater(reply: Reply, encoding: Encoding | undefined) {
    if (hasUnreadBody(this.#incoming)) await discardBody(this.#incoming)
    const body = encoding ? await this.#compress(reply, encoding) : wireOf(reply)
    this.#write(reply, body, encoding)
  }

  /** Counts bodies waiting for compression against the budget, as many may wait. */
  async #compress(reply: Reply, encoding: Encoding): Promise<Buffer> {
    const { answers } = this.#options.limits
    const body = reply.body as string
    const bytes = isSmall(body) ? 0 : body.length
    answers.take(bytes)
    try {
      return await compress(reply, encoding)
    } finally {
      answers.give(bytes)
    }
  }

  #write(reply: Reply, body: WireBody | undefined, encoding?: Encoding) {
    const response = this.#response
    const { https, outbox, writeHead } = this.#options
    if (body !== undefined) outbox.hold(response, body)
    const traceparent = childTrace(this.#incoming.headers.traceparent)
    const headers = ['X-Request-Id', this.#id, 'X-Content-Type-Options', 'nosniff']
    if (https !== undefined) headers.push(...https.headers(this.#request))
    if (traceparent) headers.push('traceparent', traceparent)
    if (encoding && body !== undefined) headers.push('Content-Encoding', encoding)
    // Errors say so themselves, as they may come before there is a handler.
    if (this.#varies && !reply.headers.includes('Vary')) headers.push('Vary', 'Accept')
    if (isCompressible(reply)) headers.push('Vary', 'Accept-Encoding')
    const last = this.#options.isDraining() || hasUnreadBody(this.#incoming)
    if (last && !reply.headers.includes('Connection')) headers.push('Connection', 'close')
    if (reply.etag !== undefined) {
      headers.push('ETag', encoding ? `"${reply.etag}-${encoding}"` : `"${reply.etag}"`)
    }
    if (body !== undefined) headers.push('Content-Length', String(body.length))
    writeHead(response, reply, headers)
    if (reply.stream && this.#request.method !== 'HEAD') reply.stream(response)
    else outbox.send(response, body)
    this.#report(reply.status, traceparent)
  }

  #report(status: number, traceparent: string | undefined) {
    this.#options.onOutcome({
      id: this.#id,
      traceparent,
      method: this.#request.method,
      route: this.#route,
      status,
      durationMs: performance.now() - this.#startedAt,
      address: this.#request.address,
    })
  }
}

/** The path and query of a request target, which may be in absolute form (RFC 9112, 3.2.2). */
function targetOf(url: string): string {
  return url.startsWith('/') ? url : url.slice(startOfPath(url))
}

function pathOf(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? target : target.slice(0, mark)
}

function startOfPath(target: string): number {
  const origin = /^https?:\/\/([^/?#]+)(?=\/)/i.exec(target)
  if (target === '*') return 0
  if (!origin || !isAuthority(origin[1] as string)) {
    throw new HttpError(400, 'The request target is not a path')
  }
  return origin[0].length
}

function methodNotAllowed(method: string, { route }: Match): HttpError {
  return new HttpError(405, `${route.pattern} does not support ${method}: use ${route.allow}`, {
    headers: ['Allow', route.allow],
  })
}

const prefix = randomBytes(6).toString('base64url')
let count = 0

/** The client's request id if it is valid, otherwise one that is unique to this process. */
function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  if (typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given)) return given
  count += 1
  return `${prefix}-${count}`
}

/** The same trace with a new span (W3C Trace Context); undefined without a valid one. */
function childTrace(parent: string | string[] | undefined): string | undefined {
  if (typeof parent !== 'string') return undefined
  const [, trace, span, flags] = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(parent) ?? []
  if (!trace || !span || /^0+$/.test(trace) || /^0+$/.test(span)) return undefined
  return `00-${trace}-${randomBytes(8).toString('hex')}-${flags}`
}
