import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { backup, checkBackup } from './backup.ts'
import { addBackup, assertRoom, databaseBytes, withBackups } from './backup-folder.ts'
import { connect, databasePath } from './connect.ts'
import { patiently } from './lock.ts'
import { migrate } from './migrations.ts'
import { prepareDatabase } from './prepare.ts'
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
 * Replaces the content of the database by that of a backup while it is in use.
 *
 * All of it happens under the write lock: readers see the old content until they see the new one,
 * writers wait. So writes acknowledged before are in the backup that is made first, and writes
 * acknowledged after are in the database.
 * @returns what was restored, as text
 * @throws {Error} for an unfit file, or if data would be lost without `overwrite`; nothing is changed then
 */
export function restore(dataDir: string, file: string, { overwrite }: { overwrite: boolean }) {
  checkBackup(file)
  prepareDatabase(dataDir)
  return withBackups(dataDir, (folder) => {
    const path = databasePath(dataDir)
    // The copy, the write-ahead log and the database may each grow to the size of the file.
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

/** Copies the file and migrates the copy to the schema of this release. */
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

/** Creates an unused database, whose rows do not count as data. */
function freshIn(folder: string): string {
  const path = join(folder, 'fresh.draft')
  prepareDatabase(path)
  return databasePath(path)
}

function attach(database: SQLite.Database, paths: Record<string, string>) {
  // Tables are replaced one by one, whatever their references, which are valid in the file.
  database.pragma('foreign_keys = OFF')
  for (const [name, path] of Object.entries(paths)) {
    database.prepare(`ATTACH ? AS ${name}`).run(path)
  }
}

/** The tables of the live database, of the copy to restore, and of an unused database. */
interface Schemas {
  main: Tables
  restored: Tables
  fresh: Tables
}

/** @throws {Error} if the file is of another service, or of a newer schema than the live database */
function readSchemas(database: SQLite.Database, file: string): Schemas {
  const [main, restored, fresh] = ['main', 'restored', 'fresh'].map((schema) =>
    tablesOf(database, schema),
  ) as [Tables, Tables, Tables]
  const lacking = missingIn(restored, fresh)
  if (lacking) throw new Error(`${file} lacks ${lacking}: choose a complete backup of this service`)
  const unknown = missingIn(main, restored)
  if (unknown) {
    const cure = 'run the release that wrote it'
    throw new Error(`${file} has ${unknown}, which this release does not know: ${cure}`)
  }
  return { main, restored, fresh }
}

/** @throws {Error} counting the rows that are neither in the file nor in an unused database */
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

/** Replaces the rows of every table by those of the copy; a table that it lacks becomes empty. */
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
