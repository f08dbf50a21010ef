import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import SQLite from 'better-sqlite3'
import { sha256Of } from '../files.ts'
import { backup, checkBackup } from './backup.ts'
import { assertRoom, databaseBytes, withBackups } from './backup-folder.ts'
import { databasePath, inspect } from './connect.ts'
import { schemaVersion } from './migrations.ts'
import { countRows } from './tables.ts'

/**
 * Writes a line about a checked copy of the database in JSON, then the copy itself unless its
 * SHA-256 is `known`. The same data always gives the same bytes.
 */
export async function exportDatabase(dataDir: string, known: string, output: Writable) {
  const { file, contents } = copyDatabase(dataDir)
  output.write(`${JSON.stringify(contents)}\n`)
  if (contents.sha256 === known) return closeSync(file)
  await pipeline(createReadStream('', { fd: file, start: 0 }), output, { end: false })
  // The caller may end the process.
  await new Promise((resolve) => output.write('', resolve))
}

/** The copy is already deleted: it exists as long as the file is open. */
function copyDatabase(dataDir: string) {
  return withBackups(dataDir, (folder) => {
    // The caller compresses the copy on the same disk.
    assertRoom(folder, 2 * databaseBytes(databasePath(dataDir)))
    const path = join(folder, 'export.draft')
    backup(databasePath(dataDir), path, removeHeartbeats)
    return { file: openSync(path, 'r'), contents: contentsOf(path) }
  })
}

/** They are no data, and would make every copy another. */
function removeHeartbeats(path: string) {
  const database = new SQLite(path)
  try {
    database.pragma('secure_delete = ON')
    database.pragma('journal_mode = OFF')
    database.exec('DELETE FROM heartbeats')
  } finally {
    database.close()
  }
}

/**
 * Checks a copy of `bytes` bytes, and returns what is in it.
 * @throws {Error} unless it is a complete and intact database of this service
 */
export async function checkCopy(dataDir: string, bytes: number, input: Readable) {
  const folder = join(dataDir, 'backups')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'checked.db')
  rmSync(path, { force: true })
  try {
    assertRoom(folder, bytes)
    await pipeline(input, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
    checkBackup(path)
    return contentsOf(path)
  } finally {
    rmSync(path, { force: true })
  }
}

/** What a checked copy holds. */
export function contentsOf(path: string) {
  const { schema, rows } = inspect(path, (database) => ({
    schema: schemaVersion(database),
    rows: Object.fromEntries(countRows(database)),
  }))
  return { schema, rows, bytes: statSync(path).size, sha256: sha256Of(path) }
}
