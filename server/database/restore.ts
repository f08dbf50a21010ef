import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { backup, checkBackup } from './backup.ts'
import { addBackup, assertRoom, databaseBytes, withBackups } from './backups.ts'
import { patiently } from './lock.ts'
import { migrate } from './migrations.ts'
import { connect, databasePath, prepareDatabase } from './open.ts'
import {
  type Counts,
  inWords,
  missingIn,
  placeOf,
  quote,
  selectFor,
  type Tables,
  tablesOf,
} from './tables.ts'

const lockWaitMs = 60_000

/**
 * Gives the database the content of a backup while it is in use, and tells what it did.
 *
 * All of it happens under the lock for writing: readers see the old content until they see the new
 * one, writers wait. So what was acknowledged before is in the backup that is made first, and what
 * is acknowledged after is in the database.
 * @throws {Error} when the file is not fit, or data would be lost without `overwrite`; nothing is changed then
 */
export function restore(dataDir: string, file: string, { overwrite }: { overwrite: boolean }) {
  checkBackup(file)
  prepareDatabase(dataDir)
  return withBackups(dataDir, (folder) => {
    const path = databasePath(dataDir)
    // The copy, the write-ahead log and the database itself may each take the size of the file.
    assertRoom(folder, databaseBytes(path) + 3 * databaseBytes(file))
    const database = connect(path)
    try {
      attach(database, { restored: copyOf(file, folder), fresh: freshIn(folder) })
      const schemas = readSchemas(database, file)
      const replace = database.transaction(() => {
        if (!overwrite) assertNothingLost(database, schemas, file)
        const kept = addBackup(dataDir, folder)
        return { kept, counts: replaceAll(database, schemas) }
      })
      const { kept, counts } = patiently(() => replace.immediate(), lockWaitMs)
      return `Restored ${inWords(counts)} from ${file}; the previous state is kept in ${kept}`
    } catch (error) {
      if (!(error instanceof SQLite.SqliteError)) throw error
      throw new Error(`Nothing was restored: ${error.message}; fix that and try again`)
    } finally {
      database.close()
    }
  })
}

/** A copy of the file with the schema of this release; the file itself is only read. */
function copyOf(file: string, folder: string): string {
  const path = join(folder, 'restored.draft')
  backup(file, path)
  const copy = connect(path)
  try {
    migrate(copy)
  } finally {
    copy.close()
  }
  return path
}

/** A database that nobody has used yet, to tell its rows from data. */
function freshIn(folder: string): string {
  const path = join(folder, 'fresh.draft')
  prepareDatabase(path)
  return databasePath(path)
}

function attach(database: SQLite.Database, paths: Record<string, string>) {
  // Rows come and go in the order of tables rather than of references, which hold in the file.
  database.pragma('foreign_keys = OFF')
  for (const [name, path] of Object.entries(paths)) {
    database.prepare(`ATTACH ? AS ${name}`).run(path)
  }
}

/** What there is in the live database, in the copy to restore, and in one without data. */
interface Schemas {
  main: Tables
  restored: Tables
  fresh: Tables
}

/** @throws {Error} where the file is not of this service, or of a newer schema than the live database */
function readSchemas(database: SQLite.Database, file: string): Schemas {
  const [main, restored, fresh] = ['main', 'restored', 'fresh'].map((schema) =>
    tablesOf(database, schema),
  ) as [Tables, Tables, Tables]
  const lacking = missingIn(restored, fresh)
  if (lacking) throw new Error(`${file} lacks ${lacking}: choose a complete backup of this service`)
  const unknown = missingIn(main, restored)
  if (unknown) {
    throw new Error(
      `${file} has ${unknown}, which this release does not know: run the release that wrote it`,
    )
  }
  return { main, restored, fresh }
}

/** @throws {Error} that counts the rows which are neither in the file nor in a database without data */
function assertNothingLost(database: SQLite.Database, schemas: Schemas, file: string) {
  const { main, restored, fresh } = schemas
  const lost: Counts = [...main.keys()].map((table) => {
    const rows = [
      selectFor(main, table, 'main', main),
      selectFor(main, table, 'restored', restored),
      selectFor(main, table, 'fresh', fresh),
    ].join(' EXCEPT ')
    return [table, database.prepare(`SELECT count(*) FROM (${rows})`).pluck().get() as number]
  })
  const some = lost.filter(([, rows]) => rows > 0)
  if (some.length === 0) return
  throw new Error(
    `The database has data that ${file} lacks or that differs: ${inWords(some)}. Use --overwrite to replace it`,
  )
}

/** Gives every table the rows of the copy; a table that it does not have yet becomes empty. */
function replaceAll(database: SQLite.Database, { main, restored }: Schemas): Counts {
  return [...main.keys()].map((table) => {
    database.exec(`DELETE FROM main.${quote(table)}`)
    const rows = selectFor(main, table, 'restored', restored)
    return [
      table,
      database.prepare(`INSERT INTO main.${placeOf(main, table)} ${rows}`).run().changes,
    ]
  })
}
