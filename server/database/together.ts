import type SQLite from 'better-sqlite3'

// So few that their answers take little memory, and enough for one lock to cost nothing.
const readsAtOnce = 64

/**
 * Makes the function that reads at the end of this turn of the event loop, in one transaction with the
 * other reads of the turn: most of a short read is locking the file. What it reads is never older than
 * the call.
 */
export function createTogether(database: SQLite.Database) {
  const [begin, commit] = [database.prepare('BEGIN'), database.prepare('COMMIT')]
  let waiting: (() => void)[] = []

  return function together<Value>(read: () => Value): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(readAll)
      waiting.push(() => {
        try {
          resolve(read())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  function readAll() {
    const reads = waiting.slice(0, readsAtOnce)
    waiting = waiting.slice(readsAtOnce)
    if (waiting.length > 0) setImmediate(readAll)
    if (reads.length > 1) begin.run()
    for (const read of reads) read()
    // SQLite ends a transaction by itself after some errors.
    if (database.inTransaction) commit.run()
  }
}
