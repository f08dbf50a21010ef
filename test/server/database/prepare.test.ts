import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import SQLite from 'better-sqlite3'
import { keepBackup } from '../../../server/database/backup-folder.ts'
import { openDatabase } from '../../../server/database/database.ts'
import { migrations } from '../../../server/database/migrations.ts'
import { prepareDatabase } from '../../../server/database/prepare.ts'
import { makeDataDir } from '../../support/server.ts'

/** A database of ours with some content, at rest in one file. */
function makeDatabase(sql = ''): string {
  const dataDir = makeDataDir()
  prepareDatabase(dataDir)
  const database = new SQLite(join(dataDir, 'onebox.db'))
  const insert = database.prepare("INSERT INTO movies (year, title, info) VALUES (?, ?, '{}')")
  for (let index = 0; index < 500; index += 1) insert.run(1950, `${index} ${'a'.repeat(200)}`)
  database.exec(sql)
  database.close()
  return dataDir
}

function makeFile(content: string | Buffer): string {
  const dataDir = makeDataDir()
  writeFileSync(join(dataDir, 'onebox.db'), content)
  return dataDir
}

/** A database of ours, with its bytes changed. */
function makeDamaged(damage: (bytes: Buffer) => void): string {
  const dataDir = makeDatabase()
  const path = join(dataDir, 'onebox.db')
  const bytes = readFileSync(path)
  damage(bytes)
  writeFileSync(path, bytes)
  return dataDir
}

function makeTruncated(part: number): string {
  const dataDir = makeDatabase()
  const path = join(dataDir, 'onebox.db')
  truncateSync(path, Math.round(readFileSync(path).length * part))
  return dataDir
}

function makeForeign(sql: string): string {
  const dataDir = makeDataDir()
  const database = new SQLite(join(dataDir, 'onebox.db'))
  database.exec(sql)
  database.close()
  return dataDir
}

const next = migrations.length + 1
const damaged = /onebox\.db is damaged: restore a backup$/
const foreign = /onebox\.db is not a onebox database: choose another file or folder$/
const tooNew = new RegExp(
  `onebox\\.db has schema \\d+, newer than the ${migrations.length} this release knows: run the release that wrote it or a newer one$`,
)

const refused: [what: string, make: () => string, message: RegExp][] = [
  ['text', () => makeFile('precious notes\n'.repeat(1000)), damaged],
  ['a short file', () => makeFile('precious'), damaged],
  ['zeros', () => makeFile(Buffer.alloc(8192)), damaged],
  ['one of another program', () => makeForeign('CREATE TABLE notes (text)'), foreign],
  [
    'an empty one of another program',
    () => makeForeign('PRAGMA application_id = 7; PRAGMA user_version = 1'),
    foreign,
  ],
  [
    'one of another program, in WAL',
    () => makeForeign('PRAGMA journal_mode = WAL; CREATE TABLE a (b)'),
    foreign,
  ],
  ['a truncated one', () => makeTruncated(0.5), damaged],
  ['one truncated to a page and a half', () => makeTruncated(0.04), damaged],
  ['one without its header', () => makeDamaged((bytes) => bytes.fill(0xff, 0, 100)), damaged],
  ['one without its schema', () => makeDamaged((bytes) => bytes.fill(0xff, 100, 4096)), damaged],
  ['one without its tables', () => makeDamaged((bytes) => bytes.fill(0xff, 4096)), damaged],
  ['one that is too new', () => makeDatabase(`PRAGMA user_version = ${next}`), tooNew],
  [
    'one that is too new by its own word',
    () =>
      makeDatabase(
        `INSERT INTO migrations VALUES (${next}, ${next}); PRAGMA user_version = ${next}`,
      ),
    tooNew,
  ],
]

for (const [what, make, message] of refused) {
  test(`instead of a database, ${what} stops the start and stays as it is`, () => {
    const dataDir = make()
    const path = join(dataDir, 'onebox.db')
    const before = hash('sha256', readFileSync(path))
    assert.throws(() => prepareDatabase(dataDir), { message })
    assert.equal(hash('sha256', readFileSync(path)), before)
    assert.deepEqual(
      readdirSync(dataDir).filter((name) => !name.endsWith('-shm') && !name.endsWith('-wal')),
      ['onebox.db'],
    )
  })
}

/** A database whose last changes are in its write-ahead log, as after a power cut, and a backup of it. */
function makeUnfinished() {
  const dataDir = makeDatabase()
  const path = join(dataDir, 'onebox.db')
  const backup = keepBackup(dataDir, 1)
  const database = new SQLite(path)
  database.exec("UPDATE saved_string SET value = 'newer than the backup'")
  const log = readFileSync(`${path}-wal`)
  database.close()
  return { dataDir, path, backup, log }
}

test('a backup copied over the database stops the start while a log of the old one is beside it', () => {
  const { dataDir, path, backup, log } = makeUnfinished()
  copyFileSync(backup, path)
  writeFileSync(`${path}-wal`, log)
  assert.throws(() => prepareDatabase(dataDir), {
    message:
      /onebox\.db is a backup copied over .*: move that log away to use the backup, and use /,
  })
  assert.deepEqual(readFileSync(path), readFileSync(backup))
  assert.deepEqual(readFileSync(`${path}-wal`), log)

  rmSync(`${path}-wal`)
  prepareDatabase(dataDir)
  const database = new SQLite(path)
  const saved = database.prepare('SELECT value FROM saved_string').pluck().get()
  assert.equal(saved, 'dynamic string')
  assert.equal(database.pragma('journal_mode', { simple: true }), 'wal')
  database.close()
})

test('a database closed by the server has all of its content in one file', async () => {
  const dataDir = makeDataDir()
  const database = openDatabase(dataDir, { writeQueueLimit: 10 })
  await database.write.run("UPDATE saved_string SET value = 'kept'")
  await database.close()
  assert.equal(statSync(join(dataDir, 'onebox.db-wal')).size, 0)
  const alone = makeFile(readFileSync(join(dataDir, 'onebox.db')))
  const copy = new SQLite(join(alone, 'onebox.db'))
  assert.equal(copy.prepare('SELECT value FROM saved_string').pluck().get(), 'kept')
  copy.close()
})

// Before 3.51.3, one that writes while another checkpoints can corrupt a database in WAL mode:
// https://sqlite.org/wal.html#walresetbug
test('the bundled SQLite does not have the WAL-reset bug', () => {
  const database = new SQLite(':memory:')
  const version = database.prepare('SELECT sqlite_version()').pluck().get() as string
  database.close()
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  assert.ok(major * 1e6 + minor * 1e3 + patch >= 3_051_003, version)
})

test('an empty file becomes a database', () => {
  const dataDir = makeFile('')
  prepareDatabase(dataDir)
  assert.ok(readFileSync(join(dataDir, 'onebox.db')).length > 4096)
})

test('a folder in place of the database stops the start, naming it', () => {
  const dataDir = makeDataDir()
  mkdirSync(join(dataDir, 'onebox.db'))
  assert.throws(() => prepareDatabase(dataDir), { message: /onebox\.db/ })
})
