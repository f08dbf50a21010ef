import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import SQLite from 'better-sqlite3'
import { connect } from '../../../server/database/connect.ts'
import { type Database, openDatabase } from '../../../server/database/database.ts'
import { prepareDatabase } from '../../../server/database/prepare.ts'
import { createCommit, type Failure, type Result } from '../../../server/database/writer-thread.ts'
import { expectProblem, readHeading, send } from '../../support/http.ts'
import { makeDataDir, startApp, startServer } from '../../support/server.ts'

const insert = "INSERT INTO movies (year, title, info) VALUES (:year, :title, '{}') RETURNING title"
const movie = (title: string) => ({ year: 1950, title })
const write = (...titles: string[]) => ({ sql: insert, parameterSets: titles.map(movie) })

function openConnection(t: TestContext) {
  const dataDir = makeDataDir()
  prepareDatabase(dataDir)
  const path = join(dataDir, 'onebox.db')
  const database = connect(path)
  t.after(() => database.close())
  const titles = () => database.prepare('SELECT title FROM movies ORDER BY title').pluck().all()
  return { path, database, titles, commit: createCommit(database, 20) }
}

function openWithQueue(t: TestContext, writeQueueLimit: number) {
  const dataDir = makeDataDir()
  const database = openDatabase(dataDir, { writeQueueLimit })
  t.after(() => database.read.open && database.close())
  return { dataDir, database }
}

/** The codes of what failed, without what exactly a constraint constrains. */
const codesOf = (results: Result[]) =>
  results.map((result) => (result as Failure).code?.replace(/(CONSTRAINT)_.*/, '$1'))
const titlesIn = (database: Database) =>
  database.read.prepare('SELECT title FROM movies ORDER BY title').pluck().all()

test('one bad write in a group fails alone, whatever is wrong with it', (t) => {
  const { commit, titles } = openConnection(t)
  const bad = [
    write('a'),
    { sql: insert, parameterSets: [{ year: 'no year', title: 'typed' }] },
    { sql: 'INSERT INTO nothing VALUES (1)', parameterSets: [{}] },
    { sql: 'not even SQL', parameterSets: [{}] },
    { sql: insert, parameterSets: [{ year: 1950 }] },
    { sql: insert, parameterSets: [{ year: 1950, title: { no: 'value' } }] },
  ]
  for (const [index, one] of bad.entries()) {
    commit([write(`a${index}`)])
    const results = commit([write('a', `before ${index}`), one, write(`after ${index}`)])
    if (index === 0) assert.deepEqual(codesOf(results), [undefined, 'SQLITE_CONSTRAINT', undefined])
    else assert.match(codesOf(results)[1] ?? '', /^\w+$/)
    assert.deepEqual(results[2], { rows: [{ title: `after ${index}` }] })
  }
  assert.equal(titles().filter((title) => `${title}`.startsWith('after')).length, bad.length)
})

test('a write of several sets is all or nothing, and the rest of its group is done', (t) => {
  const { commit, titles } = openConnection(t)
  commit([write('taken')])
  const results = commit([write('a', 'b'), write('c', 'd', 'taken'), write('e')])
  assert.deepEqual(codesOf(results), [undefined, 'SQLITE_CONSTRAINT', undefined])
  assert.deepEqual(results[0], { rows: [{ title: 'a' }, { title: 'b' }] })
  assert.deepEqual(titles(), ['a', 'b', 'e', 'taken'])
})

test('a group locked out by another process fails as busy, and changes nothing', (t) => {
  const { commit, titles, path } = openConnection(t)
  const other = new SQLite(path)
  other.exec('BEGIN IMMEDIATE')
  assert.deepEqual(codesOf(commit([write('a'), write('b')])), ['SQLITE_BUSY', 'SQLITE_BUSY'])
  other.exec('COMMIT')
  other.close()
  assert.deepEqual(titles(), [])
  assert.deepEqual(codesOf(commit([write('a'), write('b')])), [undefined, undefined])
})

test('concurrent writes share a commit', async (t) => {
  const { database } = openWithQueue(t, 1000)
  const titles = Array.from({ length: 500 }, (_, index) => `Movie ${index}`)
  const rows = await Promise.all(titles.map((title) => database.write.run(insert, movie(title))))
  assert.deepEqual(
    rows.flat().map(({ title }) => title),
    titles,
  )
  const { writes, commits, commitSeconds } = database.write.totals
  assert.equal(writes, 500)
  assert.equal(commits, 1)
  assert.ok(commitSeconds > 0)
})

test('writes that arrive during a commit go into the next one', async (t) => {
  const { database } = openWithQueue(t, 1000)
  const first = database.write.run(insert, movie('first'))
  await new Promise(setImmediate)
  const others = ['a', 'b', 'c'].map((title) => database.write.run(insert, movie(title)))
  assert.equal(database.write.queueLength, 4)
  await Promise.all([first, ...others])
  assert.equal(database.write.totals.commits, 2)
  assert.equal(database.write.queueLength, 0)
  assert.deepEqual(titlesIn(database), ['a', 'b', 'c', 'first'])
})

test('a write over the queue limit is refused with 503, and those within it are done', async (t) => {
  const { database } = openWithQueue(t, 2)
  const accepted = ['a', 'b'].map((title) => database.write.run(insert, movie(title)))
  const refusal = {
    status: 503,
    message: /^Too many writes are waiting for the disk: try again in a/,
  }
  await assert.rejects(database.write.run(insert, movie('c')), refusal)
  await Promise.all(accepted)
  await database.write.run(insert, movie('d'))
  assert.deepEqual(titlesIn(database), ['a', 'b', 'd'])
})

test('PUT / answers 503 with Retry-After while the queue is full, and GET / goes on', async (t) => {
  const url = await startServer(t, {}, { writeQueueLimit: 0 })
  const response = await send('PUT', url, 'hello')
  assert.equal(response.headers.get('retry-after'), '1')
  await expectProblem(
    response,
    503,
    /^Too many writes are waiting for the disk: try again in a sec/,
  )
  assert.equal(await readHeading(url), 'dynamic string')
})

test('close waits for every write that was accepted, and none is accepted after it', async (t) => {
  const { dataDir, database } = openWithQueue(t, 1000)
  const writes = ['a', 'b', 'c'].map((title) => database.write.run(insert, movie(title)))
  await new Promise(setImmediate)
  writes.push(database.write.run(insert, movie('d')))
  await database.close()
  assert.equal((await Promise.all(writes)).length, 4)
  await assert.rejects(database.write.run(insert, movie('e')), /The database is closed/)
  const file = new SQLite(join(dataDir, 'onebox.db'), { readonly: true })
  assert.equal(file.prepare('SELECT count(*) FROM movies').pluck().get(), 4)
  file.close()
})

test('reads go on, and a write waits, while another process holds the database', async (t) => {
  const { url, dataDir } = await startApp(t)
  const other = new SQLite(join(dataDir, 'onebox.db'))
  other.exec('BEGIN IMMEDIATE')
  const put = send('PUT', url, 'hello')
  for (let round = 0; round < 20; round += 1) {
    assert.equal(await readHeading(url), 'dynamic string')
  }
  other.exec('COMMIT')
  other.close()
  assert.equal((await put).status, 204)
  assert.equal(await readHeading(url), 'hello')
})
