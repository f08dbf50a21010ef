import { statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import SQLite from 'better-sqlite3'
import { patiently } from './lock.ts'

export function databasePath(dataDir: string): string {
  return join(dataDir, 'onebox.db')
}

const lockWaitMs = 10_000

/**
 * Opens a connection that writes durably; `onSql` sees each statement before it runs. The order matters:
 * `synchronous` comes last, as better-sqlite3 resets it to NORMAL in WAL mode.
 */
export function connect(path: string, onSql?: (sql: string) => void): SQLite.Database {
  const verbose = onSql && ((sql?: unknown) => onSql(String(sql)))
  const database = new SQLite(path, { timeout: lockWaitMs, verbose })
  // SQLite itself does not wait here, as it reads the file before it locks it for writing.
  patiently(() => database.pragma('journal_mode = WAL'), lockWaitMs)
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
  const database = new SQLite(path, { readonly: true, timeout: lockWaitMs })
  database.pragma('trusted_schema = OFF')
  database.pragma('cache_size = -8000')
  // Reads the page cache without system calls: a point read in a million rows takes half the time.
  // SQLite caps this at 2 GiB.
  database.pragma('mmap_size = 2147418112')
  return database
}

/**
 * Calls `use` with a read-only connection.
 * @throws {Error} naming the file if it is not a database, or damaged
 */
export function inspect<Result>(path: string, use: (database: SQLite.Database) => Result): Result {
  let database: SQLite.Database | undefined
  try {
    database = new SQLite(path, { readonly: true, fileMustExist: true, timeout: lockWaitMs })
    // better-sqlite3's 16 MB, which VACUUM INTO takes twice, are much on a small machine.
    database.pragma('cache_size = -2000')
    return use(database)
  } catch (error) {
    throw explain(error, path)
  } finally {
    database?.close()
  }
}

/** Replaces SQLite's errors by readable ones. */
export function explain(error: unknown, path: string): unknown {
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
