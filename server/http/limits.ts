import { tryLater } from './http-error.ts'

/** A bound on the bytes that one worker holds in memory, such as those of request bodies. */
export class Budget {
  #leftBytes: number

  constructor(totalBytes: number) {
    this.#leftBytes = totalBytes
  }

  /** @throws {HttpError} 503 when the budget is used up */
  take(bytes: number) {
    if (bytes > this.#leftBytes) {
      throw tryLater(503, 'Too many large requests at once: try again in a second', 1)
    }
    this.#leftBytes -= bytes
  }

  give(bytes: number) {
    this.#leftBytes += bytes
  }
}

/** A token bucket per client address: `perMinute` on average, and as many in one burst. */
export class Rate {
  readonly #perMinute: number
  readonly #what: string
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  /** 0 turns the limit off. */
  constructor(perMinute: number, what: 'writes' | 'reads') {
    this.#perMinute = perMinute
    this.#what = what
  }

  /** @throws {HttpError} 429 when the address has used up its share */
  take(address: string, now = performance.now()) {
    if (this.#perMinute === 0) return
    const key = clientOf(address)
    const bucket = this.#buckets.get(key) ?? { tokens: this.#perMinute, at: now }
    const refill = ((now - bucket.at) * this.#perMinute) / 60_000
    const tokens = Math.min(this.#perMinute, bucket.tokens + refill)
    this.#remember(key, { tokens: tokens < 1 ? tokens : tokens - 1, at: now })
    if (tokens >= 1) return
    const seconds = Math.ceil(((1 - tokens) * 60) / this.#perMinute)
    const problem = `Too many ${this.#what} from your address`
    throw tryLater(429, `${problem}: try again in ${seconds} s`, seconds)
  }

  // Re-inserting keeps the map in order of last use, so that the first key is the oldest.
  #remember(key: string, bucket: { tokens: number; at: number }) {
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > 10_000)
      this.#buckets.delete(this.#buckets.keys().next().value as string)
  }
}

/** An IPv6 customer has a whole /64, so that counts as one client. */
function clientOf(address: string): string {
  if (address.startsWith('::ffff:')) return address.slice(7)
  if (!address.includes(':')) return address
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':'))
  const zeros = Array(Math.max(0, 8 - head.length - tail.length)).fill('0')
  return [...head, ...zeros, ...tail].slice(0, 4).join(':')
}

/** The limits on the requests of one worker. */
export interface Limits {
  bodyLimitBytes: number
  bulkBodyLimitBytes: number
  bodies: Budget
  answers: Budget
  /** How long a client may leave its answer unread. */
  answerTimeoutMs: number
  /** Requests that may wait for the one before them, per connection. */
  pipelineLimit: number
  /** How long a connection may be idle, as clients are told. */
  keepAliveTimeoutMs: number
}
