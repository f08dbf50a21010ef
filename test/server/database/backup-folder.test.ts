import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'node:test'
import SQLite from 'better-sqlite3'
import { checkBackup } from '../../../server/database/backup.ts'
import { assertRoom, keepBackup, lastBackup } from '../../../server/database/backup-folder.ts'
import { prepareDatabase } from '../../../server/database/prepare.ts'
import { makeDataDir } from '../../support/server.ts'

const hour = 3_600_000

function makeDatabase(): string {
  const dataDir = makeDataDir()
  prepareDatabase(dataDir)
  return dataDir
}

function backupsIn(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'backups')).filter((name) => name !== '.lock')
}

/** A file that a backup of that time would be. */
function placeBackup(dataDir: string, at: number): string {
  const name = `onebox-${new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')}.db`
  mkdirSync(join(dataDir, 'backups'), { recursive: true })
  writeFileSync(join(dataDir, 'backups', name), 'an older one')
  return name
}

test('a backup is intact, named by its time in UTC, and readable only by its owner', () => {
  const dataDir = makeDatabase()
  const before = Math.floor(Date.now() / 1000)
  const path = keepBackup(dataDir, 7)
  assert.match(path, /\/backups\/onebox-\d{8}T\d{6}Z\.db$/)
  checkBackup(path)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(join(dataDir, 'backups')).mode & 0o777, 0o700)
  const { timestampSeconds, bytes } = lastBackup(dataDir)
  assert.ok(timestampSeconds >= before && timestampSeconds <= Date.now() / 1000)
  assert.equal(bytes, statSync(path).size)
})

test('several backups of one second are all kept', () => {
  const dataDir = makeDatabase()
  const paths = [1, 2, 3].map(() => keepBackup(dataDir, 7))
  assert.equal(new Set(paths).size, 3)
  assert.equal(backupsIn(dataDir).length, 3)
})

test('the oldest backups beyond the number to keep are removed, and nothing else', () => {
  const dataDir = makeDatabase()
  const [oldest, older, old] = [3, 2, 1].map((age) => placeBackup(dataDir, Date.now() - age * hour))
  writeFileSync(join(dataDir, 'backups', 'mine.db'), 'precious')
  keepBackup(dataDir, 3)
  const left = backupsIn(dataDir)
  assert.equal(left.length, 4)
  for (const name of [older, old, 'mine.db'])
    assert.ok(left.includes(name as string), `${name} is kept`)
  assert.ok(!left.includes(oldest as string))
})

test('the new backup is kept, even alone and when others were made by a clock that was ahead', () => {
  const dataDir = makeDatabase()
  for (const hours of [24, 48]) placeBackup(dataDir, Date.now() + hours * hour)
  const path = keepBackup(dataDir, 1)
  assert.deepEqual(backupsIn(dataDir), [path.split('/').at(-1)])
})

test('backups dated in the future are removed first, and do not count as recent', () => {
  const dataDir = makeDatabase()
  const [old, recent] = [2, 1].map((age) => placeBackup(dataDir, Date.now() - age * hour))
  const [soon, late] = [30, 9000].map((hours) => placeBackup(dataDir, Date.now() + hours * hour))
  const path = keepBackup(dataDir, 4)
  assert.deepEqual(backupsIn(dataDir).sort(), [old, recent, basename(path), late].sort())
  assert.ok(!backupsIn(dataDir).includes(soon as string))
  const { timestampSeconds } = lastBackup(dataDir)
  assert.ok(Math.abs(timestampSeconds - Date.now() / 1000) < 60)
})

test('backups dated in the future do not count as the last backup', () => {
  const dataDir = makeDatabase()
  placeBackup(dataDir, Date.now() + 24 * hour)
  assert.deepEqual(lastBackup(dataDir), { timestampSeconds: 0, bytes: 0 })
})

test('leftovers of an interrupted backup or restore are removed', () => {
  const dataDir = makeDatabase()
  const folder = join(dataDir, 'backups')
  mkdirSync(join(folder, 'fresh.draft'), { recursive: true })
  writeFileSync(join(folder, 'fresh.draft', 'onebox.db'), '')
  writeFileSync(join(folder, 'onebox-20200101T000000Z.db.draft'), 'half')
  writeFileSync(join(folder, 'restored.draft-wal'), 'half')
  const path = keepBackup(dataDir, 7)
  assert.deepEqual(backupsIn(dataDir), [path.split('/').at(-1)])
})

test('without enough space, the error says how much is free and how much is needed', () => {
  const dataDir = makeDatabase()
  assertRoom(dataDir, 0)
  assert.throws(() => assertRoom(dataDir, 2 ** 60), {
    message: /^\S+ has \d+ MB free and this needs \d+ MB: free some space or enlarge the volume$/,
  })
})

test('without a database there is nothing to back up, and nothing is created', () => {
  const dataDir = makeDataDir()
  assert.throws(() => keepBackup(dataDir, 7), {
    message: /onebox\.db cannot be opened: choose a readable file/,
  })
  assert.deepEqual(readdirSync(dataDir), [])
})

test('a damaged database is not backed up, and existing backups stay', () => {
  const dataDir = makeDatabase()
  const path = join(dataDir, 'onebox.db')
  const kept = placeBackup(dataDir, Date.now() - hour)
  new SQLite(path).pragma('journal_mode = DELETE')
  writeFileSync(path, readFileSync(path).fill(0xff, 4096, 12_288))
  assert.throws(() => keepBackup(dataDir, 1), { message: /onebox\.db(\.draft)?( is damaged|: )/ })
  assert.deepEqual(backupsIn(dataDir), [kept])
})

test('before the first backup, its time and size are 0', () => {
  const dataDir = makeDatabase()
  assert.deepEqual(lastBackup(dataDir), { timestampSeconds: 0, bytes: 0 })
  mkdirSync(join(dataDir, 'backups'))
  assert.deepEqual(lastBackup(dataDir), { timestampSeconds: 0, bytes: 0 })
})
