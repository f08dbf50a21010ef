import type { Database } from './database.ts'
import { type MoveState, moveStateOf } from './moving.ts'

const lookEveryMs = 200

/**
 * Makes the function that tells how far a move of the data is, as of the last 200 ms: no timer wakes an
 * idle server for it.
 */
export function createMoveWatch(database: Database): () => MoveState | undefined {
  let state: MoveState | undefined
  let version = -1
  let lookedAt = -Infinity

  return function look() {
    const now = performance.now()
    if (now - lookedAt < lookEveryMs) return state
    lookedAt = now
    const latest = database.version()
    if (latest !== version) state = moveStateOf(database.read)
    version = latest
    return state
  }
}
