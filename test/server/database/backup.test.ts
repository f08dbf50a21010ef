import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import { promisify } from 'node:util'
import SQLite from 'better-sqlite3'
import { backup, checkBackup } from '../../../server/database/backup.ts'
import { readHeading, send } from '../../support/http.ts'
import { load, walk } from '../../support/movies.ts'
import { makeDataDir, startApp, startServer } from '../../support/server.ts'

const modulePath = resolve(import.meta.dirname, '../../../server/database/backup.ts')

/** Backs up in another process, so that the server under test continues meanwhile. */
async function backupBeside(from: string, to: string) {
  const program = `import { backup } from ${JSON.stringify(modulePath)}; backup(...process.argv.slice(1))`
  const options = ['--input-type=module', '--eval', program, from, to]
  await promisify(execFile)(process.execPath, options)
}

/** A server with some content, and the paths of its database and a backup. */
async function startFilled(t: TestContext) {
  const { url, dataDir } = await startApp(t)
  const info = { plot: 'a'.repeat(2000) }
  const titles = Array.from({ length: 1000 }, (_, index) => `Old ${index}`)
  await load(
    url,
    titles.map((title) => ({ year: 1950, title, info })),
  )
  const to = join(makeDataDir(), 'onebox.db')
  return { url, from: join(dataDir, 'onebox.db'), to }
}

test('a backup made under writes is intact and holds all that was confirmed before', async (t) => {
  const { url, from, to } = await startFilled(t)
  const confirmed: string[] = []
  let stopped = false
  const load = Array.from({ length: 8 }, async (_, client) => {
    for (let index = 0; !stopped; index += 1) {
      const title = `New ${client}-${index}`
      const response = await send(
        'POST',
        `${url}/movies?year=1951&title=${encodeURIComponent(title)}`,
      )
      assert.equal(response.status, 201)
      confirmed.push(title)
    }
  })
  while (confirmed.length < 50) await new Promise(setImmediate)
  const before = [...confirmed]
  await backupBeside(from, to)
  const after = confirmed.length
  stopped = true
  await Promise.all(load)
  assert.ok(after > before.length, 'writes went on during the backup')
  checkBackup(to)
  const copy = new SQLite(to, { readonly: true })
  const titles = new Set(copy.prepare('SELECT title FROM movies').pluck().all())
  copy.close()
  assert.deepEqual(
    before.filter((title) => !titles.has(title)),
    [],
  )
  assert.ok(titles.has('Old 0') && titles.has('Old 999'))
})

test('a server runs on a backup as on the database itself', async (t) => {
  const { url, from, to } = await startFilled(t)
  await send('PUT', url, 'hello')
  backup(from, to)
  assert.deepEqual(readdirSync(join(to, '..')), ['onebox.db'])
  await send('PUT', url, 'after the backup')
  const restored = await startServer(t, { DATA_DIR: join(to, '..') })
  assert.equal(await readHeading(restored), 'hello')
  const path = '/movies?limit=300'
  assert.deepEqual(await walk(restored, path), await walk(url, path))
})

test('an existing file is not overwritten', async (t) => {
  const { from, to } = await startFilled(t)
  writeFileSync(to, 'precious')
  assert.throws(() => backup(from, to), { message: `${to} already exists: choose another file` })
  assert.equal(readFileSync(to, 'utf8'), 'precious')
})

test('a draft left by an interrupted backup does no harm', async (t) => {
  const { from, to } = await startFilled(t)
  writeFileSync(`${to}.draft`, 'half a backup')
  backup(from, to)
  checkBackup(to)
  assert.ok(!existsSync(`${to}.draft`))
})

test('a backup that cannot be made says why, naming the file, and leaves nothing behind', async (t) => {
  const { from } = await startFilled(t)
  const folder = makeDataDir()
  const [missing, foreign] = [join(folder, 'missing.db'), join(folder, 'foreign.db')]
  new SQLite(foreign).exec('CREATE TABLE notes (text)').close()
  const cases: [what: string, from: string, to: string, message: RegExp][] = [
    ['of no file', missing, 'onebox.db', /missing\.db/],
    ['of another program', foreign, 'onebox.db', /foreign\.db is not a onebox database/],
    [
      'of a damaged database',
      makeDamaged(from, folder),
      'onebox.db',
      /is damaged: NULL value in mov/,
    ],
    ['to no folder', from, 'nowhere/onebox.db', /nowhere/],
  ]
  for (const [what, source, target, message] of cases) {
    await t.test(what, () => {
      const targetDir = makeDataDir()
      assert.throws(() => backup(source, join(targetDir, target)), { message })
      assert.deepEqual(readdirSync(targetDir), [])
      assert.deepEqual(readdirSync(folder).sort(), ['damaged.db', 'foreign.db'])
    })
  }
})

/** A copy of a database with a movie that lacks what every movie must have. */
function makeDamaged(from: string, folder: string): string {
  const path = join(folder, 'damaged.db')
  backup(from, path)
  rewriteSchema(path, 'info TEXT NOT NULL', 'info TEXT')
  new SQLite(path).exec("INSERT INTO movies (year, title) VALUES (1950, 'Bad')").close()
  rewriteSchema(path, 'info TEXT', 'info TEXT NOT NULL')
  return path
}

function rewriteSchema(path: string, from: string, to: string) {
  const database = new SQLite(path)
  database.unsafeMode()
  database.pragma('writable_schema = ON')
  database.prepare('UPDATE sqlite_schema SET sql = replace(sql, ?, ?)').run(from, to)
  database.close()
}

test('a backup that is truncated, damaged or no backup at all is refused by name', async (t) => {
  const { from, to } = await startFilled(t)
  const damage: Record<string, (path: string, bytes: Buffer) => void> = {
    truncated: (path, bytes) => truncateSync(path, bytes.length / 2),
    'one page short': (path, bytes) => truncateSync(path, bytes.length - 4096),
    scratched: (path, bytes) => writeFileSync(path, bytes.fill(0xff, 40_000, 80_000)),
    empty: (path) => truncateSync(path, 0),
    text: (path) => writeFileSync(path, 'precious notes\n'.repeat(1000)),
  }
  for (const [name, spoil] of Object.entries(damage)) {
    await t.test(name, () => {
      const copy = join(to, '..', `${name}.db`)
      backup(from, copy)
      spoil(copy, readFileSync(copy))
      assert.throws(() => checkBackup(copy), { message: new RegExp(`${name}\\.db`) })
    })
  }
})

test('a backup that does not exist or is not a file is refused by name', () => {
  const folder = makeDataDir()
  for (const path of [folder, join(folder, 'missing.db')]) {
    assert.throws(() => checkBackup(path), { message: new RegExp(path) })
  }
  assert.deepEqual(readdirSync(folder), [])
})
