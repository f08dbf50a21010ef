import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import SQLite from 'better-sqlite3'
import { keepBackup } from '../../../server/database/backup-folder.ts'
import { migrations } from '../../../server/database/migrations.ts'
import { prepareDatabase } from '../../../server/database/prepare.ts'
import { restore } from '../../../server/database/restore.ts'
import { readHeading, send, sendJson } from '../../support/http.ts'
import { load, titlesOf } from '../../support/movies.ts'
import { makeDataDir, startApp, startServer } from '../../support/server.ts'

const gently = { overwrite: false }
const overwrite = { overwrite: true }
const movies = ['M', 'Metropolis'].map((title) => ({
  year: 1931,
  title,
  info: { title, ok: true },
}))

/** A server with some of everything, and a backup of it. */
async function startFilled(t: TestContext) {
  const { url, dataDir } = await startApp(t)
  await send('PUT', url, 'saved <b>string</b> 👋')
  await sendJson('PUT', `${url}/hello/Zoë`, { dateOfBirth: '1990-02-28' })
  await load(url, movies)
  return { url, dataDir, file: keepBackup(dataDir, 7) }
}

/** Everything that is no affair of the server itself. */
function contentOf(path: string): unknown {
  const database = new SQLite(path, { readonly: true })
  try {
    return ['birthdays', 'movies', 'saved_string'].map((table) =>
      database
        .prepare(`SELECT * FROM ${table} ORDER BY 1, 2`)
        .all()
        .map((row) => ({ ...(row as object), version: undefined })),
    )
  } finally {
    database.close()
  }
}

const liveOf = (dataDir: string) => contentOf(join(dataDir, 'onebox.db'))

/** Changes a database as SQL says, away from any server. */
function change(path: string, sql: string) {
  const database = new SQLite(path)
  database.exec(sql)
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
}

test('a new database takes a backup field by field, without a flag, and running servers see it', async (t) => {
  const { file } = await startFilled(t)
  const { url: one, dataDir } = await startApp(t)
  const two = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  assert.equal(await readHeading(two), 'dynamic string')
  const summary = restore(dataDir, file, gently)
  assert.match(
    summary,
    /^Restored 1 birthday, 2 movies and the saved string from \S+; the previous state is kept in \S+$/,
  )
  assert.deepEqual(liveOf(dataDir), contentOf(file))
  for (const url of [one, two]) {
    assert.match(await readHeading(url), /^saved &lt;b&gt;string&lt;\/b&gt; 👋$/)
    assert.deepEqual(await titlesOf(url), ['M', 'Metropolis'])
    assert.equal((await fetch(`${url}/hello/Zo%C3%AB`)).status, 200)
  }
  assert.deepEqual(readdirSync(join(dataDir, 'backups')).length, 2, 'the lock and the state before')
})

test('data that the file lacks or that differs is counted, and kept', async (t) => {
  const { url, dataDir, file } = await startFilled(t)
  restore(dataDir, file, gently)
  await load(url, [{ year: 1950, title: 'New', info: {} }])
  await sendJson('POST', `${url}/movies`, { year: 1931, title: 'M', info: { changed: true } })
  await send('DELETE', `${url}/movies?year=1931&title=Metropolis`)
  await send('PUT', url, 'changed')
  const before = liveOf(dataDir)
  const backups = readdirSync(join(dataDir, 'backups'))
  assert.throws(() => restore(dataDir, file, gently), {
    message: `The database has data that ${file} lacks or that differs: 2 movies and the saved string. Use --overwrite to replace it`,
  })
  assert.deepEqual(liveOf(dataDir), before)
  assert.deepEqual(readdirSync(join(dataDir, 'backups')), backups)
})

test('--overwrite replaces data and keeps the previous state, which can be restored in turn', async (t) => {
  const { url, dataDir, file } = await startFilled(t)
  await send('PUT', url, 'changed')
  await send('DELETE', `${url}/hello/Zo%C3%AB`)
  const before = liveOf(dataDir)
  const [, kept = ''] = /kept in (.*)$/.exec(restore(dataDir, file, overwrite)) ?? []
  assert.deepEqual(liveOf(dataDir), contentOf(file))
  assert.deepEqual(contentOf(kept), before)
  restore(dataDir, kept, overwrite)
  assert.deepEqual(liveOf(dataDir), before)
  assert.equal(await readHeading(url), 'changed')
})

test('an entity tag from before a restore neither matches the restored page nor allows overwriting it', async (t) => {
  const { url, dataDir, file } = await startFilled(t)
  const headers = { 'accept-encoding': 'identity' }
  const tagOf = async () => (await fetch(url, { headers })).headers.get('etag') as string
  const tags = [await tagOf()]
  await send('PUT', url, 'changed')
  tags.push(await tagOf())
  restore(dataDir, file, overwrite)
  tags.push(await tagOf())
  restore(dataDir, file, overwrite)
  tags.push(await tagOf())
  assert.equal(new Set(tags).size, 4)
  for (const tag of tags.slice(0, -1)) {
    assert.equal((await fetch(url, { headers: { ...headers, 'if-none-match': tag } })).status, 200)
    assert.equal((await send('PUT', url, 'too late', { 'if-match': tag })).status, 412)
  }
})

test('the tables that a fork has added are restored as well, defaults and all', async (t) => {
  const { dataDir, file } = await startFilled(t)
  const notes = 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, movie TEXT) STRICT;'
  change(file, `${notes} INSERT INTO notes VALUES (7, 'kept', NULL)`)
  change(join(dataDir, 'onebox.db'), `${notes} INSERT INTO notes VALUES (8, 'lost', NULL)`)
  assert.throws(() => restore(dataDir, file, gently), { message: /differs: 1 note\. Use/ })
  assert.match(restore(dataDir, file, overwrite), /2 movies, 1 note and the saved string/)
  const database = new SQLite(join(dataDir, 'onebox.db'), { readonly: true })
  const rows = database.prepare('SELECT * FROM notes').raw().all()
  database.close()
  assert.deepEqual(rows, [[7, 'kept', null]])
})

test('after a rollback, a file from before the newer schema is restored into it', async (t) => {
  const { url, dataDir, file } = await startFilled(t)
  const path = join(dataDir, 'onebox.db')
  const version = migrations.length + 1
  change(
    path,
    `ALTER TABLE movies ADD COLUMN views INTEGER NOT NULL DEFAULT 3;
    CREATE TABLE visits (at TEXT) STRICT;
    INSERT INTO migrations (version, oldest_schema) VALUES (${version}, 1);
    PRAGMA user_version = ${version};`,
  )
  restore(dataDir, file, gently)
  change(path, "UPDATE movies SET views = 4 WHERE title = 'M'; INSERT INTO visits VALUES ('now')")
  assert.throws(() => restore(dataDir, file, gently), {
    message: /differs: 1 movie and 1 visit\. Use/,
  })
  restore(dataDir, file, overwrite)
  const database = new SQLite(path, { readonly: true })
  const views = database.prepare('SELECT views FROM movies').pluck().all()
  assert.deepEqual(views, [3, 3])
  assert.equal(database.prepare('SELECT count(*) FROM visits').pluck().get(), 0)
  assert.equal(database.pragma('user_version', { simple: true }), version)
  database.close()
  assert.deepEqual(await titlesOf(url), ['M', 'Metropolis'])
})

const newer = migrations.length + 1
const spoilt: [what: string, spoil: (path: string) => void, message: RegExp][] = [
  ['truncated', (path) => truncateSync(path, 8192), /is damaged/],
  ['scratched', (path) => writeFileSync(path, readFileSync(path).fill(0xff, 4096)), /is damaged/],
  ['empty', (path) => truncateSync(path, 0), /is not a onebox database/],
  ['no database', (path) => writeFileSync(path, 'notes\n'.repeat(999)), /is damaged/],
  ['of another program', (path) => change(path, 'PRAGMA application_id = 1'), /not a onebox data/],
  [
    'of a schema too new',
    (path) => change(path, `PRAGMA user_version = ${newer}`),
    /has schema \d+, newer than the \d+ this release knows: run the release that wrote it/,
  ],
  [
    'of a newer schema that this release could use',
    (path) => {
      const more = 'ALTER TABLE movies ADD COLUMN views INTEGER NOT NULL DEFAULT 0'
      const record = `INSERT INTO migrations (version, oldest_schema) VALUES (${newer}, 1)`
      change(path, `${more}; ${record}; PRAGMA user_version = ${newer}`)
    },
    /has movies\.views, which this release does not know: run the release that wrote it/,
  ],
  ['without a table', (path) => change(path, 'DROP TABLE birthdays'), /lacks birthdays\.username/],
]

for (const [what, spoil, message] of spoilt) {
  test(`a file that is ${what} is refused in one line, named, and nothing is changed`, async (t) => {
    const { dataDir, file } = await startFilled(t)
    const path = join(makeDataDir(), 'other.db')
    copyFileSync(file, path)
    spoil(path)
    const [before, backups] = [liveOf(dataDir), readdirSync(join(dataDir, 'backups'))]
    assert.throws(
      () => restore(dataDir, path, overwrite),
      (error: Error) => {
        assert.match(error.message, message)
        assert.ok(error.message.startsWith(path) && !error.message.includes('\n'), error.message)
        return true
      },
    )
    assert.deepEqual(liveOf(dataDir), before)
    assert.deepEqual(readdirSync(join(dataDir, 'backups')), backups)
  })
}

test('a file that does not exist is rejected by name', () => {
  const dataDir = makeDataDir()
  prepareDatabase(dataDir)
  const path = join(dataDir, 'missing.db')
  assert.throws(() => restore(dataDir, path, gently), {
    message: `${path} cannot be opened: choose a readable file`,
  })
})

test('the file itself is unchanged, even if it is a live database with its log', async (t) => {
  const { dataDir } = await startFilled(t)
  const other = makeDataDir()
  prepareDatabase(other)
  const path = join(other, 'onebox.db')
  const bytes = readFileSync(path)
  restore(dataDir, path, overwrite)
  assert.deepEqual(readFileSync(path), bytes)
  assert.deepEqual(liveOf(dataDir), liveOf(other))
})
