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
import { inspect } from './connect.ts'
import { assertOurs } from './migrations.ts'

/**
 * Copies the database to a new file while it is in use, and checks the copy before it counts.
 * `trim` may take something out of the copy first.
 * VACUUM INTO reads one snapshot; the online backup API restarts at every write of another
 * connection and may never finish.
 * @throws {Error} when `to` exists or the copy fails its check; nothing is left behind then
 */
export function backup(from: string, to: string, trim: (copy: string) => void = () => {}) {
  if (existsSync(to)) throw new Error(`${to} already exists: choose another file`)
  const draft = `${to}.draft`
  rmSync(draft, { force: true })
  try {
    inspect(from, (database) => {
      assertOurs(database, from)
      // SQLite accepts an empty file here, and keeps its mode.
      writeFileSync(draft, '', { mode: 0o600 })
      database.prepare('VACUUM INTO ?').run(draft)
    })
    trim(draft)
    checkBackup(draft)
    syncFile(draft)
    renameSync(draft, to)
    syncFile(dirname(to))
  } finally {
    rmSync(draft, { force: true })
  }
}

/** @throws {Error} unless the file is a complete and intact onebox database */
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
