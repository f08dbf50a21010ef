import type { Database } from '../database/database.ts'
import type { DeployState } from './deploy-state.ts'
import type { HttpsHealth } from './https.ts'

/** The body of /healthz. */
export interface Health {
  status: 'ok' | 'failing'
  problem?: string | undefined
  release: string
  /** The worker that answers. */
  worker: string
  uptimeSeconds: number
  workers: WorkerHealth[]
  /** Workers that do not answer; absent if all do. */
  silent?: string[] | undefined
  /** Absent if HTTPS is not configured. */
  https?: HttpsHealth | undefined
  deploy?: DeployState | undefined
  /** Absent unless the data is being moved, or has moved away. */
  move?: MoveHealth | undefined
}

export interface MoveHealth {
  status: 'copying' | 'writes wait' | 'moved'
  /** Between here and what it is moved, or where it has moved. */
  other: string
}

export interface WorkerHealth {
  worker: string
  release: string
  startedAt: string
  draining: boolean
}

const heartbeatEveryMs = 1000

const beat = `
  INSERT INTO heartbeats (worker, at) VALUES (:worker, :at)
  ON CONFLICT (worker) DO UPDATE SET at = excluded.at`

/**
 * Makes the check that this worker can read and write its database. The write is durable, so there
 * is at most one per second, however many requests ask.
 */
export function createHealthCheck(database: Database, worker: string): () => Promise<void> {
  const read = database.read.prepare('SELECT version FROM saved_string')
  let checkedAt = -Infinity
  let check: Promise<void>

  return function healthCheck() {
    if (performance.now() - checkedAt > heartbeatEveryMs) {
      checkedAt = performance.now()
      check = readAndWrite()
    }
    return check
  }

  async function readAndWrite() {
    read.get()
    await database.write.run(beat, { worker, at: new Date().toISOString() })
  }
}
