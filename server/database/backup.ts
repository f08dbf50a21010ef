import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { assertOurs } from './migrations.ts'
import { inspect } from './open.ts'

/**
 * Copies the database to a new file while it is in use, and checks the copy before it counts.
 * VACUUM INTO reads one moment of it; the online backup starts again at every write of another
 * connection and need never end.
 * @throws {Error} when `to` exists or the copy does not pass; nothing is left behind then
 */
export function backup(from: string, to: string) {
  if (existsSync(to)) throw new Error(`${to} already exists: choose another file`)
  const draft = `${to}.draft`
  rmSync(draft, { force: true })
  try {
    inspect(from, (database) => {
      assertOurs(database, from)
      // An empty file is as good as none for SQLite, and keeps the mode it has.
      writeFileSync(draft, '', { mode: 0o600 })
      database.prepare('VACUUM INTO ?').run(draft)
    })
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
  inspect(path, (database) => {
    assertOurs(database, path)
    const verdict = database.pragma('integrity_check(1)', { simple: true }) as string
    if (verdict !== 'ok') throw new Error(`${path} is damaged: ${verdict.replaceAll('\n', ' ')}`)
  })
}

function syncFile(path: string) {
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}
