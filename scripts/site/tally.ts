import { createHistogram } from 'node:perf_hooks'
import type { Answer } from './client.ts'

export interface Report {
  seconds: number
  requests: number
  requestsPerSecond: number
  /** How often each failure happened. */
  failures: Record<string, number>
  /** Writes refused by the server's rate limit. */
  limited: number
  milliseconds: { p50: number; p90: number; p99: number; max: number }
  /** Names whose birthdays are stored now. */
  saved: string[]
}

/** Counts and times the requests of a load. */
export function createTally() {
  const microseconds = createHistogram()
  const failures: Record<string, number> = {}
  const saved = new Set<string>()
  let requests = 0
  let limited = 0

  return {
    requests: () => requests,
    saved: (name: string) => saved.add(name),
    fail,
    limit() {
      limited += 1
    },

    async time(send: () => Promise<Answer>): Promise<Answer | undefined> {
      const sentAt = performance.now()
      requests += 1
      try {
        const answer = await send()
        microseconds.record(Math.max(1, Math.round((performance.now() - sentAt) * 1000)))
        return answer
      } catch (error) {
        fail((error as Error).message)
      }
    },

    report(seconds: number): Report {
      const [p50, p90, p99] = [50, 90, 99].map((at) => microseconds.percentile(at) / 1000)
      const max = microseconds.count === 0 ? 0 : microseconds.max / 1000
      return {
        seconds,
        requests,
        requestsPerSecond: requests / seconds,
        failures,
        limited,
        milliseconds: { p50, p90, p99, max } as Report['milliseconds'],
        saved: [...saved],
      }
    },
  }

  function fail(kind: string) {
    failures[kind] = (failures[kind] ?? 0) + 1
  }
}
