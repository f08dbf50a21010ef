import {
  Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  STATUS_CODES,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { setTimeout } from 'node:timers/promises'

export interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  body?: string | undefined
  /** Chooses the connection. */
  agent?: Agent | undefined
  timeoutMs?: number
}

export interface Answer {
  /** Such as `GET /movies`. */
  what: string
  status: number
  headers: IncomingHttpHeaders
  text: string
}

/** There was no answer, or only part of one. */
export class Unanswered extends Error {}

/** The request or its answer took too long, and would again. */
export class TimedOut extends Unanswered {}

const answerLimit = 8 * 2 ** 20

/** One connection, kept open from request to request. */
export function createConnection(url: string): Agent {
  const options = { keepAlive: true, maxSockets: 1 }
  return url.startsWith('https:') ? new HttpsAgent(options) : new Agent(options)
}

/**
 * Sends one request and reads the whole answer. Follows no redirect and retries nothing, as callers
 * want to know how this very address answers.
 * @throws {Unanswered} with the reason in a few words
 */
export async function request(url: string, options: RequestOptions = {}): Promise<Answer> {
  const { body, timeoutMs = 10_000, method = 'GET', ...rest } = options
  const signal = AbortSignal.timeout(timeoutMs)
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  try {
    const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
      send(url, { ...rest, method, signal }, resolve)
        .on('error', reject)
        .end(body)
    })
    const { pathname, search } = new URL(url)
    const what = `${method} ${pathname}${search}`
    return {
      what,
      status: incoming.statusCode as number,
      headers: incoming.headers,
      text: await read(incoming),
    }
  } catch (error) {
    if (signal.aborted) throw new TimedOut(`no answer within ${timeoutMs / 1000} s`)
    const { code, message } = error as NodeJS.ErrnoException
    throw new Unanswered(code ?? message, { cause: error })
  }
}

async function read(incoming: IncomingMessage): Promise<string> {
  let text = ''
  incoming.setEncoding('utf8')
  for await (const chunk of incoming) {
    text += chunk
    if (text.length > answerLimit) throw new Error('an answer over 8 MiB')
  }
  return text
}

export interface Retry {
  attempts: number
  /** Called before each wait. */
  onRetry: (trouble: string, attempt: number, waitMs: number) => void
}

const temporary = new Set([429, 502, 503, 504])
const firstWaitMs = 500
const longestWaitMs = 10_000
// If a server wants a longer wait, a person should decide when to try again.
const longestRetryAfterMs = 120_000

/**
 * Sends a request that may safely arrive twice, and retries as long as that may help.
 * @throws {TimedOut} if the request or its answer took too long
 * @throws {Unanswered} if no attempt was answered
 */
export async function requestWithRetry(
  url: string,
  options: RequestOptions,
  { attempts, onRetry }: Retry,
): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await request(url, { timeoutMs: 60_000, ...options }).catch(unlessUnanswered)
    if (!(answer instanceof Error) && answer.status === 408) throw new TimedOut(statusText(answer))
    const waitMs = waitBefore(answer, attempt)
    if (waitMs === undefined || attempt === attempts) {
      if (answer instanceof Error) throw answer
      return answer
    }
    onRetry(answer instanceof Error ? answer.message : statusText(answer), attempt + 1, waitMs)
    await setTimeout(waitMs)
  }
}

function statusText({ status }: Answer): string {
  return `answers ${status} (${STATUS_CODES[status] ?? 'unknown'})`
}

function unlessUnanswered(error: unknown): Unanswered {
  if (error instanceof Unanswered) return error
  throw error
}

/** Undefined if another attempt would not help. */
function waitBefore(answer: Answer | Unanswered, attempt: number): number | undefined {
  if (answer instanceof TimedOut) return undefined
  const backoffMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1))
  if (answer instanceof Unanswered) return backoffMs
  if (!temporary.has(answer.status)) return undefined
  const waitMs = Math.max(backoffMs, retryAfterMs(answer) ?? 0)
  return waitMs <= longestRetryAfterMs ? waitMs : undefined
}

/** What Retry-After asks for, in seconds or as a date (RFC 9110, 10.2.3); undefined without one. */
export function retryAfterMs({ headers }: Answer): number | undefined {
  const value = headers['retry-after']
  if (value === undefined) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

/** The fields of a JSON object; none for anything else. */
// biome-ignore lint/suspicious/noExplicitAny: what a server sends can be anything
export function fieldsOf(text: string): Record<string, any> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
