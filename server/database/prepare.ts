import { accessSync, closeSync, constants, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import type SQLite from 'better-sqlite3'
import { connect, databasePath, explain, inspect } from './connect.ts'
import { assertKnown, migrate, pendingMigrations } from './migrations.ts'

/** Checks the database of a folder, or creates it, and migrates its schema. */
export function prepareDatabase(dataDir: string) {
  makeFolder(dataDir)
  const path = databasePath(dataDir)
  checkUntouched(path)
  if (isReady(path)) return
  try {
    const database = connect(path)
    try {
      migrate(database)
    } finally {
      database.close()
    }
  } catch (error) {
    throw explain(error, path)
  }
}

/** Creates the data folder if there is none. @throws {Error} naming DATA_DIR */
export function makeFolder(dataDir: string) {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    accessSync(dataDir, constants.W_OK)
  } catch (error) {
    const reason = (error as Error).message
    throw new Error(`DATA_DIR ${dataDir} cannot be used: ${reason}; set it to a writable folder`)
  }
}

/** Checks a database through a read-only connection, so that a refused one stays unchanged. */
export function checkUntouched(path: string) {
  if (isNew(path)) return
  assertOwnLog(path)
  inspect(path, (database) => {
    assertKnown(database, path)
    readEveryTable(database)
  })
}

function isNew(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false })
  return file === undefined || (file.isFile() && file.size === 0)
}

/** Whether the database can be used without writing to it first, as on a full disk. */
function isReady(path: string): boolean {
  if (isNew(path)) return false
  return inspect(path, (database) => {
    const isWal = database.pragma('journal_mode', { simple: true }) === 'wal'
    return isWal && pendingMigrations(database) === 0
  })
}

/**
 * SQLite matches a write-ahead log to a database by name only, and would mix the two. A backup was
 * never in WAL mode, as byte 18 of its header shows.
 */
function assertOwnLog(path: string) {
  const log = `${path}-wal`
  // Another process may be deleting its log just now.
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0
  if (size === 0 || readByte(path, 18) !== 1) return
  throw new Error(
    `${path} is a backup copied over the database whose last changes are still in ${log}: move that log away to use the backup, and use "restore" next time`,
  )
}

function readByte(path: string, position: number): number | undefined {
  const byte = Buffer.alloc(1)
  const file = openSync(path, 'r')
  const count = readSync(file, byte, 0, 1, position)
  closeSync(file)
  return count === 1 ? byte[0] : undefined
}

/** Finds a table whose first pages are damaged; backups check whole files. */
function readEveryTable(database: SQLite.Database) {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .pluck()
    .all()
  for (const name of tables) database.prepare(`SELECT * FROM "${name}" LIMIT 1`).get()
}
