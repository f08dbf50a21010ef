import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import SQLite from 'better-sqlite3'
import { assertKnown, migrate, pendingMigrations } from './migrations.ts'

export function databasePath(dataDir: string): string {
  return join(dataDir, 'onebox.db')
}

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
  return !existsSync(path) || (statSync(path).isFile() && statSync(path).size === 0)
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
  if (!existsSync(log) || statSync(log).size === 0 || readByte(path, 18) !== 1) return
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

/**
 * Calls `use` with a read-only connection.
 * @throws {Error} naming the file if it is not a database, or damaged
 */
export function inspect<Result>(path: string, use: (database: SQLite.Database) => Result): Result {
  let database: SQLite.Database | undefined
  try {
    database = new SQLite(path, { readonly: true, fileMustExist: true, timeout: 10_000 })
    return use(database)
  } catch (error) {
    throw explain(error, path)
  } finally {
    database?.close()
  }
}

/** Replaces SQLite's errors by readable ones. */
function explain(error: unknown, path: string): unknown {
  if (!(error instanceof SQLite.SqliteError)) return error
  if (/^SQLITE_(FULL|IOERR|CANTOPEN)/.test(error.code) && isDiskFull(dirname(path))) {
    return new Error(`The disk is full: free some space in ${dirname(path)}`)
  }
  if (error.code === 'SQLITE_CANTOPEN')
    return new Error(`${path} cannot be opened: choose a readable file`)
  if (!/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) return new Error(`${path}: ${error.message}`)
  return new Error(`${path} is damaged: restore a backup`)
}

// SQLite's shared memory takes half of this, and even reads need it.
const leastFreeBytes = 64 * 1024

/** Whether the disk has too few free blocks or inodes to open a database. */
export function isDiskFull(folder: string): boolean {
  try {
    const { bavail, bsize, ffree, files } = statfsSync(folder)
    return bavail * bsize < leastFreeBytes || (files > 0 && ffree === 0)
  } catch {
    return false
  }
}

/** Finds a table whose first pages are damaged; backups check whole files. */
function readEveryTable(database: SQLite.Database) {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .pluck()
    .all()
  for (const name of tables) database.prepare(`SELECT * FROM "${name}" LIMIT 1`).get()
}

/**
 * Opens a connection that writes durably. The order matters: the timeout first, as changing the
 * journal mode takes a lock; `synchronous` last, as better-sqlite3 resets it to NORMAL in WAL mode.
 */
export function connect(path: string): SQLite.Database {
  const database = new SQLite(path, { timeout: 10_000 })
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('journal_size_limit = 67108864')
  database.pragma('trusted_schema = OFF')
  return database
}

/**
 * Opens a read-only connection, which never waits for a write to reach the disk. Closed after the
 * writer's, it also keeps SQLite's shared memory, which a start on a full disk could not create:
 * only a connection that may write removes it.
 */
export function connectReader(path: string): SQLite.Database {
  const database = new SQLite(path, { readonly: true, timeout: 10_000 })
  database.pragma('trusted_schema = OFF')
  database.pragma('cache_size = -8000')
  // Reads the page cache without system calls: a point read in a million rows takes half the time.
  // SQLite caps this at 2 GiB.
  database.pragma('mmap_size = 2147418112')
  return database
}
