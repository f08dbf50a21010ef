import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import SQLite from 'better-sqlite3'
import { databasePath } from '../../../server/database/connect.ts'
import { migrate, migrations, pendingMigrations } from '../../../server/database/migrations.ts'
import { prepareDatabase } from '../../../server/database/prepare.ts'
import { expectAlive, getJson, readHeading, send, sendJson } from '../../support/http.ts'
import { inherited } from '../../support/inherited.ts'
import { mainFile, makeDataDir, startServer } from '../../support/server.ts'

const trigger =
  /CREATE TRIGGER \w+ AFTER (?:INSERT|DELETE|UPDATE OF \w+) ON \w+(?: WHEN [^;]+)? BEGIN (.*?;) END;/g

/** Statements that the release before would not survive; a step may create, add and fill. */
function offences(step: string): string[] {
  const text = step.replace(/--.*$/gm, '').replace(/\s+/g, ' ')
  const created = [...text.matchAll(/CREATE TABLE (\w+)/g)].map(([, name]) => name as string)
  return text
    .replace(trigger, (whole, body: string) => (onlyFills(body, created) ? '' : whole))
    .split(';')
    .map((statement) => statement.trim())
    .filter((text) => {
      if (/^CREATE TABLE |^CREATE INDEX |^INSERT INTO |^$/.test(text)) return false
      if (!/^ALTER TABLE \w+ ADD COLUMN /.test(text)) return true
      return / NOT NULL/.test(text) && !/ DEFAULT /.test(text)
    })
}

/** Whether a trigger touches nothing but tables of its own step, which earlier releases do not know. */
function onlyFills(body: string, created: string[]): boolean {
  const writes = body
    .split('; ')
    .map((text) => /^(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)/.exec(text.trim()))
  return !/RAISE/i.test(body) && writes.every((match) => created.includes(match?.[1] ?? ''))
}

test('migrations only add, so that the previous release runs on the new schema', () => {
  for (const step of migrations) assert.deepEqual(offences(step), [])
})

test('a migration that removes, renames, rewrites or restricts would be found', () => {
  const bad = ['DROP TABLE movies', 'ALTER TABLE movies RENAME TO films', 'DELETE FROM movies']
  const worse = ['ALTER TABLE movies DROP COLUMN info', "UPDATE movies SET info = '{}'"]
  const worst = [
    'CREATE UNIQUE INDEX a ON movies (title)',
    'ALTER TABLE movies ADD a TEXT NOT NULL',
  ]
  const subtle = [
    'CREATE TRIGGER a AFTER INSERT ON movies',
    'ALTER TABLE a ADD COLUMN b INT NOT NULL',
  ]
  const triggers = [
    'CREATE TRIGGER t AFTER INSERT ON movies BEGIN DELETE FROM movies',
    "CREATE TRIGGER t AFTER INSERT ON movies BEGIN INSERT INTO a SELECT RAISE(FAIL, 'no')",
    'CREATE TRIGGER t BEFORE INSERT ON movies BEGIN DELETE FROM a',
  ]
  for (const body of triggers)
    assert.notDeepEqual(offences(`CREATE TABLE a (b); ${body}; END;`), [])
  for (const step of [...bad, ...worse, ...worst, ...subtle]) {
    assert.equal(offences(`CREATE TABLE a (b) STRICT;\n${step};`).length, 1, step)
  }
  assert.deepEqual(
    offences('ALTER TABLE a ADD COLUMN b INT NOT NULL DEFAULT 0; INSERT INTO a SELECT 1'),
    [],
  )
  const fills =
    'CREATE TRIGGER t AFTER DELETE ON movies BEGIN UPDATE a SET b = 1; DELETE FROM a; END;'
  assert.deepEqual(offences(`CREATE TABLE a (b) STRICT; ${fills}`), [])
})

function open(dataDir: string): SQLite.Database {
  return new SQLite(join(dataDir, 'onebox.db'))
}

test('a new database has the whole schema, is marked as ours, and private', () => {
  const dataDir = join(makeDataDir(), 'new')
  prepareDatabase(dataDir)
  const database = open(dataDir)
  assert.equal(database.pragma('user_version', { simple: true }), migrations.length)
  assert.equal(database.pragma('application_id', { simple: true }), 0x6f6e6562)
  assert.equal(database.pragma('journal_mode', { simple: true }), 'wal')
  assert.equal(pendingMigrations(database), 0)
  const loose = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND NOT strict"
  const names = database.prepare(`${loose} AND name NOT LIKE 'sqlite_%'`).pluck().all()
  assert.deepEqual(names, [])
  database.close()
  assert.equal(statSync(dataDir).mode & 0o777, 0o700)
})

test('pending migrations run once and are recorded', () => {
  const dataDir = makeDataDir()
  const database = open(dataDir)
  const next = [...migrations, 'CREATE TABLE extra (a TEXT) STRICT']
  migrate(database)
  assert.equal(pendingMigrations(database, next), 1)
  migrate(database, next)
  migrate(database, next)
  const recorded = database.prepare('SELECT version, oldest_schema FROM migrations').raw().all()
  assert.deepEqual(
    recorded,
    next.map((_, index) => [index + 1, 1]),
  )
  database.close()
})

test('a failing migration rolls back the whole run', () => {
  const database = open(makeDataDir())
  migrate(database)
  const steps = [...migrations, 'CREATE TABLE extra (a TEXT) STRICT', 'CREATE TABLE extra (b)']
  assert.throws(() => migrate(database, steps), /already exists/)
  assert.equal(database.pragma('user_version', { simple: true }), migrations.length)
  assert.throws(() => database.prepare('SELECT * FROM extra'), /no such table/)
  database.close()
})

test('several processes may prepare a new database at once', async () => {
  const env = { ...inherited, DATA_DIR: makeDataDir() }
  const run = () => promisify(execFile)(process.execPath, [mainFile, 'migrate'], { env })
  await Promise.all([run(), run(), run(), run()])
  const database = open(env.DATA_DIR)
  assert.equal(database.prepare('SELECT count(*) FROM migrations').pluck().get(), migrations.length)
  assert.equal(database.prepare('SELECT count(*) FROM saved_string').pluck().get(), 1)
  database.close()
})

test('a process waits for another one that is writing its first transaction', async () => {
  const env = { ...inherited, DATA_DIR: makeDataDir() }
  const other = new SQLite(databasePath(env.DATA_DIR))
  other.exec('BEGIN IMMEDIATE')
  const run = promisify(execFile)(process.execPath, [mainFile, 'migrate'], { env })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  other.exec('ROLLBACK')
  other.close()
  await run
})

/** What a newer release may do to the database by the rule above. */
function addToSchema(dataDir: string) {
  prepareDatabase(dataDir)
  const database = open(dataDir)
  const version = migrations.length + 1
  database.exec(`
    ALTER TABLE saved_string ADD COLUMN changed_at TEXT;
    ALTER TABLE birthdays ADD COLUMN greeting TEXT NOT NULL DEFAULT 'Hello';
    ALTER TABLE movies ADD COLUMN views INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX movies_by_views ON movies (views);
    CREATE TABLE visits (at TEXT) STRICT;
    INSERT INTO migrations (version, oldest_schema) VALUES (${version}, 1);
    PRAGMA user_version = ${version};
  `)
  database.close()
}

test('everything works on a database extended by a newer release', async (t) => {
  const dataDir = makeDataDir()
  addToSchema(dataDir)
  const url = await startServer(t, { DATA_DIR: dataDir })
  await expectAlive(url)
  assert.equal((await send('PUT', url, 'hello')).status, 204)
  assert.equal(await readHeading(url), 'hello')
  const birthday = { dateOfBirth: '1990-04-23' }
  assert.equal((await sendJson('PUT', `${url}/hello/Ann`, birthday)).status, 204)
  assert.equal((await fetch(`${url}/hello/Ann`)).status, 200)
  assert.equal((await send('DELETE', `${url}/hello/Ann`)).status, 204)
  for (const status of [201, 200]) {
    assert.equal((await send('POST', `${url}/movies?year=1931&title=M`)).status, status)
  }
  const movie = { year: 1931, title: 'M', info: {} }
  assert.deepEqual(await getJson(`${url}/movies?year=1931&title=M`), movie)
  assert.deepEqual(await getJson(`${url}/movies`), { movies: [movie], next: null })
  const database = open(dataDir)
  assert.equal(database.pragma('user_version', { simple: true }), migrations.length + 1)
  database.close()
})
