import type { Eventual } from '../http/eventual.ts'
import { tryLater } from '../http/http-error.ts'
import { noAnswer } from './errors.ts'
import type { Item } from './item.ts'
import { type MoveRecord, toMoveRecord } from './move-record.ts'

export interface MoveLimits {
  moveLeaseMs: number
  lateWriteMs: number
}

const lookEveryMs = 1000

/**
 * Knows whether a move has writes wait, or has taken the data elsewhere. What it knows is never older than
 * the lease, so that a mover who waits as long knows that every server has noticed. While requests
 * come, it looks once a second; without requests, never.
 */
export function createMoveWatch(
  read: () => Promise<Item | undefined>,
  { moveLeaseMs, lateWriteMs }: MoveLimits,
) {
  const validMs = Math.min(lookEveryMs, moveLeaseMs)
  let record: MoveRecord | undefined
  let lookedAt = -Infinity
  let looking: Promise<void> | undefined

  return {
    record: () => record,

    look,

    /** Where to send requests instead. @throws {HttpError} 503 without an answer */
    movedTo(): Eventual<string | undefined> {
      const look = ifDue()
      return look ? look.then(urlIfLeft) : urlIfLeft()
    },

    /** Carries out a write unless writes wait. @throws {HttpError} 503 */
    async write<Output>(run: () => Promise<Output>): Promise<Output> {
      const look = ifDue()
      if (look) await look
      if (record && record.phase !== 'open') throw moving()
      const startedAt = performance.now()
      const output = await run()
      // A mover does not wait any longer for it, so it may be left behind.
      if (performance.now() - startedAt > lateWriteMs) throw noAnswer(new Error('too late'))
      return output
    },
  }

  /** Resolves once what it knows is new enough; undefined if it is already. */
  function ifDue(): Promise<void> | undefined {
    const age = performance.now() - lookedAt
    if (age < validMs) return undefined
    looking ??= look().finally(() => {
      looking = undefined
    })
    if (age > moveLeaseMs) return looking
    looking.catch(() => {})
    return undefined
  }

  async function look() {
    const startedAt = performance.now()
    const item = await read()
    record = item && toMoveRecord(item)
    lookedAt = startedAt
  }

  function urlIfLeft(): string | undefined {
    return record?.phase === 'left' ? record.url : undefined
  }
}

function moving() {
  return tryLater(503, 'The data is being moved: try again in a few seconds', 2)
}
