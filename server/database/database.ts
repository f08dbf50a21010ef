import { statSync } from 'node:fs'
import type SQLite from 'better-sqlite3'
import { connectReader, databasePath } from './connect.ts'
import { prepareDatabase } from './prepare.ts'
import { createTogether } from './together.ts'
import { Writer } from './writer.ts'

/** The database for the features: reads are synchronous, writes return promises. */
export interface Database {
  read: SQLite.Database
  write: Writer
  /** For short reads. */
  together: ReturnType<typeof createTogether>
  /** Changes with every commit of any process; for caches. Takes 1 µs, a tenth of a GET. */
  version: () => number
  sizeBytes: () => number
  close: () => Promise<void>
}

/** Opens the database of a folder after `prepareDatabase`. */
export function openDatabase(
  dataDir: string,
  { writeQueueLimit }: { writeQueueLimit: number },
): Database {
  prepareDatabase(dataDir)
  const path = databasePath(dataDir)
  const read = connectReader(path)
  const write = new Writer({ path }, writeQueueLimit)
  const dataVersion = read.prepare('PRAGMA data_version').pluck()

  return {
    read,
    write,
    together: createTogether(read),
    version: () => dataVersion.get() as number,
    sizeBytes: () => statSync(path).size,
    async close() {
      await write.close()
      read.close()
    },
  }
}
