import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { assertKnown, migrate } from './migrations.ts'

export function databasePath(dataDir: string): string {
  return join(dataDir, 'onebox.db')
}

/** Checks that the database of a folder is fit for use and brings its schema up to date. */
export function prepareDatabase(dataDir: string) {
  makeFolder(dataDir)
  const path = databasePath(dataDir)
  checkUntouched(path)
  const database = connect(path)
  try {
    migrate(database)
  } finally {
    database.close()
  }
}

/** Makes the data folder where there is none yet. @throws {Error} naming DATA_DIR where it cannot */
export function makeFolder(dataDir: string) {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (error) {
    const reason = (error as Error).message
    throw new Error(`DATA_DIR ${dataDir} cannot be used: ${reason}; name a folder to write to`)
  }
}

/** Looks at a database through a read-only connection, so that a refused one stays as it is. */
export function checkUntouched(path: string) {
  if (!existsSync(path) || (statSync(path).isFile() && statSync(path).size === 0)) return
  inspect(path, (database) => {
    assertKnown(database, path)
    readEveryTable(database)
  })
}

/**
 * Hands a read-only connection to `use` and closes it again.
 * @throws {Error} that names the file where it is no database or a damaged one
 */
export function inspect<Result>(path: string, use: (database: SQLite.Database) => Result): Result {
  let database: SQLite.Database | undefined
  try {
    database = new SQLite(path, { readonly: true, fileMustExist: true, timeout: 10_000 })
    return use(database)
  } catch (error) {
    if (!(error instanceof SQLite.SqliteError)) throw error
    if (error.code === 'SQLITE_CANTOPEN')
      throw new Error(`${path} cannot be opened: name a file that is there and readable`)
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) throw new Error(`${path}: ${error.message}`)
    throw new Error(`${path} is damaged: restore a backup of it`)
  } finally {
    database?.close()
  }
}

/** Finds a table whose first pages are gone; whole files are checked when they are backed up. */
function readEveryTable(database: SQLite.Database) {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .pluck()
    .all()
  for (const name of tables) database.prepare(`SELECT * FROM "${name}" LIMIT 1`).get()
}

/**
 * A connection that writes durably. The order matters: the time-out first, as changing the journal
 * mode takes a lock; `synchronous` last, as better-sqlite3 falls back to NORMAL in WAL mode.
 */
export function connect(path: string): SQLite.Database {
  const database = new SQLite(path, { timeout: 10_000 })
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('journal_size_limit = 67108864')
  database.pragma('trusted_schema = OFF')
  return database
}

/** A connection that only reads, and so never waits for the disk to take a write. */
export function connectReader(path: string): SQLite.Database {
  const database = connect(path)
  database.pragma('query_only = ON')
  database.pragma('cache_size = -8000')
  // Reads through the page cache without a system call each: a point read of a million rows takes
  // half the time. SQLite caps this at 2 GiB.
  database.pragma('mmap_size = 2147418112')
  return database
}
