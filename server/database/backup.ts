import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import SQLite from 'better-sqlite3'
import { assertKnown } from './migrations.ts'

/**
 * Copies the database to a new file while it is in use, and checks the copy before it counts.
 * VACUUM INTO reads one moment of it; the online backup starts again at every write of another
 * connection and need never end.
 * @throws {Error} when `to` exists or the copy does not pass; nothing is left behind then
 */
export function backup(from: string, to: string) {
  const draft = `${to}.draft`
  if (existsSync(to)) throw new Error(`${to} exists already: name another file`)
  rmSync(draft, { force: true })
  try {
    const database = new SQLite(from, { readonly: true, timeout: 10_000 })
    try {
      database.prepare('VACUUM INTO ?').run(draft)
    } finally {
      database.close()
    }
    checkBackup(draft)
    syncFile(draft)
    renameSync(draft, to)
    syncFile(dirname(to))
  } finally {
    rmSync(draft, { force: true })
  }
}

/** @throws {Error} when the file is no whole and sound onebox database */
export function checkBackup(path: string) {
  const database = new SQLite(path, { readonly: true, fileMustExist: true })
  try {
    assertKnown(database, path)
    const verdict = database.pragma('integrity_check(1)', { simple: true })
    if (verdict !== 'ok') throw new Error(`${path} is damaged: ${verdict}`)
  } finally {
    database.close()
  }
}

function syncFile(path: string) {
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}
