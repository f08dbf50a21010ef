import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import SQLite from 'better-sqlite3'
import { expectFieldProblem, expectProblem, send, sendJson } from '../../support/http.ts'
import { load, type Movie, titlesOf, walk } from '../../support/movies.ts'
import { sqliteTest, startApp, startServer } from '../../support/server.ts'

function named(...titles: string[]): Movie[] {
  return titles.map((title, index) => ({ year: 1950 + index, title, info: { index } }))
}

test('GET /movies?search= finds titles by how they begin, in any case, with or without accents', async (t) => {
  const url = await startServer(t)
  const titles = [
    'Amélie',
    'AMEN.',
    'amy',
    'Ange',
    'Being Amelie',
    'Ämter',
    '東京物語',
    '東京',
    '100%',
    '100 days',
  ]
  await load(url, named(...titles))
  const cases: [search: string, found: string[]][] = [
    ['am', ['Amélie', 'AMEN.', 'Ämter', 'amy']],
    ['ÁMÉ', ['Amélie', 'AMEN.']],
    ['  amelie', ['Amélie']],
    ['東京', ['東京', '東京物語']],
    ['100%', ['100%']],
    ['100_', []],
    ['zz', []],
    [
      '',
      [
        '100 days',
        '100%',
        'Amélie',
        'AMEN.',
        'Ämter',
        'amy',
        'Ange',
        'Being Amelie',
        '東京',
        '東京物語',
      ],
    ],
  ]
  for (const [search, found] of cases) {
    assert.deepEqual(await titlesOf(url, `search=${encodeURIComponent(search)}`), found, search)
  }
})

test('a search pages through everything it finds, each movie exactly once', async (t) => {
  const url = await startServer(t)
  const wanted = Array.from({ length: 60 }, (_, index) => `É ${index % 20}`)
  await load(url, named(...wanted, 'D', 'F', 'Eel'))
  for (const limit of [1, 7, 60, 1000]) {
    const pages = await walk(url, `/movies?search=e%20&limit=${limit}`)
    const found = pages.flatMap(({ movies }) => movies)
    assert.deepEqual(
      found.map(({ year }) => year).toSorted(),
      wanted.map((_, index) => 1950 + index),
    )
    assert.deepEqual(
      found.map(({ title }) => title),
      found.map(({ title }) => title).toSorted(),
    )
  }
})

test('a cursor of another search starts at the beginning of this one', async (t) => {
  const url = await startServer(t)
  await load(url, named('alpha', 'beta', 'gamma'))
  const [first] = await walk(url, '/movies?limit=1')
  const cursor = new URLSearchParams(first?.next?.split('?')[1]).get('cursor')
  assert.deepEqual(await titlesOf(url, `search=b&cursor=${cursor}`), ['beta'])
})

test('GET /movies?search= answers 400 with a year, with a title, for NUL and for long text', async (t) => {
  const url = await startServer(t)
  const get = (query: string) => fetch(`${url}/movies?search=${query}`)
  await expectProblem(await get('a&year=1933'), 400, /^search finds titles of all years: leave out/)
  await expectProblem(await get('a&year=1933&title=M'), 400, /^search is for lists: leave it out/)
  await expectProblem(await get('%00'), 400, /^The search contains a NUL character/)
  await expectFieldProblem(await get('a'.repeat(501)), 'search', /^search must have at most 500/)
  await expectProblem(await get('%ff'), 400, /is not valid percent-encoded UTF-8$/)
})

sqliteTest(
  'movies saved by the release before are found, and replaced ones stay found',
  async (t) => {
    const { url, dataDir } = await startApp(t)
    await load(url, named('Ärger', 'Zeit'))
    const before = new SQLite(join(dataDir, 'onebox.db'))
    before.exec(`
    INSERT INTO movies (year, title, info) VALUES (1960, 'Ärmel', '{}'), (1961, 'ARM', '{}')
    ON CONFLICT (year, title) DO UPDATE SET info = excluded.info;
    INSERT INTO movies (year, title, info) VALUES (1950, 'Ärger', '{"new":true}')
    ON CONFLICT (year, title) DO UPDATE SET info = excluded.info;
    DELETE FROM movies WHERE title = 'Zeit'`)
    before.close()
    assert.deepEqual(await titlesOf(url, 'search=ar'), ['Ärger', 'ARM', 'Ärmel'])
    assert.deepEqual(await titlesOf(url, 'search=z'), [])
    await sendJson('POST', `${url}/movies`, { year: 1960, title: 'Ärmel', info: {} })
    await send('DELETE', `${url}/movies?year=1961&title=ARM`)
    assert.deepEqual(await titlesOf(url, 'search=ar'), ['Ärger', 'Ärmel'])
  },
)

sqliteTest('a search that cannot be complete answers 503 instead of a part', async (t) => {
  const { url, dataDir } = await startApp(t, {}, { writeQueueLimit: 0 })
  const before = new SQLite(join(dataDir, 'onebox.db'))
  before.exec("INSERT INTO movies (year, title, info) VALUES (1960, 'Ärmel', '{}')")
  before.close()
  const response = await fetch(`${url}/movies?search=a`)
  assert.equal(response.headers.get('retry-after'), '5')
  await expectProblem(response, 503, /^The titles are being indexed: try again in a few seconds$/)
  assert.deepEqual(await titlesOf(url), ['Ärmel'])
})

sqliteTest('a search reads an index in order, however many movies there are', async (t) => {
  const { database } = await startApp(t)
  const sql = `SELECT year FROM movies WHERE (title_key, year, title) > ('a', 0, '') AND title_key < 'b'
    ORDER BY title_key, year, title LIMIT 101`
  const plan = database.read.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]
  assert.equal(plan.length, 1)
  assert.match(plan[0]?.detail ?? '', /^SEARCH movies USING .*INDEX movies_by_title /)
})
