import { STATUS_CODES } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { duration } from '../terminal/format.ts'

export interface Answer {
  status: number
  headers: Headers
  text: string
}

export interface Patience {
  /** How often to try in all. */
  attempts: number
  /** Hears of each failure before the next attempt. */
  say: (text: string) => void
}

/** The other side could not be reached at all. */
export class Unreachable extends Error {}

/** The request or its answer took too long: sent again as it is, it would again. */
export class TooSlow extends Unreachable {}

const temporary = new Set([429, 502, 503, 504])
const timeoutMs = 60_000
const firstWaitMs = 500
const longestWaitMs = 10_000
// A server that wants more than this is better asked again by a person.
const longestRetryAfterMs = 120_000

/**
 * Sends a request that may safely arrive twice, again and again while the trouble may pass.
 * @throws {TooSlow} if it did not arrive in time
 * @throws {Unreachable} where no attempt was answered
 */
export async function fetchPatiently(
  url: URL,
  init: RequestInit,
  { attempts, say }: Patience,
): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await request(url, init)
    const waitMs = waitAfter(answer, attempt)
    if (waitMs === undefined || attempt === attempts) return settle(answer)
    const wait = duration(waitMs / 1000)
    say(`${troubleOf(answer, url)}: attempt ${attempt + 1} of ${attempts} in ${wait}`)
    await setTimeout(waitMs)
  }
}

async function request(url: URL, init: RequestInit): Promise<Answer | Unreachable> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await fetch(url, { ...init, signal, redirect: 'manual' })
    const answer = {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    }
    return answer.status === 408 ? new TooSlow(troubleOf(answer, url)) : answer
  } catch (error) {
    const Trouble = isTimeout(error) ? TooSlow : Unreachable
    return new Trouble(`${url.origin} does not answer (${reasonOf(error)})`, { cause: error })
  }
}

function troubleOf(answer: Answer | Unreachable, url: URL): string {
  if (answer instanceof Unreachable) return answer.message
  return `${url.origin} answers ${answer.status} (${STATUS_CODES[answer.status]})`
}

/** Undefined where another attempt would end the same. */
function waitAfter(answer: Answer | Unreachable, attempt: number): number | undefined {
  if (answer instanceof TooSlow) return undefined
  const backoffMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1))
  if (answer instanceof Unreachable) return backoffMs
  if (!temporary.has(answer.status)) return undefined
  const waitMs = Math.max(backoffMs, retryAfterMs(answer.headers.get('retry-after')))
  return waitMs <= longestRetryAfterMs ? waitMs : undefined
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(value: string | null): number {
  if (value === null) return 0
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? 0 : ms
}

function settle(answer: Answer | Unreachable): Answer {
  if (answer instanceof Unreachable) throw answer
  return answer
}

/** What lies below "fetch failed": ECONNREFUSED, a time-out … */
export function reasonOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown }
  const { code, errors, message } = cause as {
    code?: unknown
    errors?: { code?: string }[]
    message?: string
  }
  if (isTimeout(error)) return `no answer within ${timeoutMs / 1000} s`
  return (typeof code === 'string' && code) || errors?.[0]?.code || message || String(error)
}

function isTimeout(error: unknown): boolean {
  const { cause = error } = error as { cause?: unknown }
  return (cause as Error).name === 'TimeoutError'
}
