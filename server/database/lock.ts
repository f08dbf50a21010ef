import SQLite from 'better-sqlite3'

/**
 * Runs a transaction as soon as the lock is free. SQLite's own busy handler sleeps up to 100 ms at a
 * time, so a busy process would starve the others.
 */
export function patiently<Outcome>(run: () => Outcome, lockWaitMs: number): Outcome {
  for (const deadline = performance.now() + lockWaitMs; ; sleep(Math.random())) {
    try {
      return run()
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error
    }
  }
}

export function isBusy(error: unknown): boolean {
  return error instanceof SQLite.SqliteError && error.code.startsWith('SQLITE_BUSY')
}

function sleep(ms: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
