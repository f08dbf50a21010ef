import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import SQLite from 'better-sqlite3'
import { keepBackup } from '../../../server/database/backup-folder.ts'
import { databasePath } from '../../../server/database/connect.ts'
import { migrate, migrations } from '../../../server/database/migrations.ts'
import { restore } from '../../../server/database/restore.ts'
import { createCollection } from '../../../server/movies/collection.ts'
import { draw } from '../../../server/movies/drawings.ts'
import { send, sendJson } from '../../support/http.ts'
import { load, type Movie } from '../../support/movies.ts'
import { sqliteTest, startApp } from '../../support/server.ts'

function rated(...ratings: unknown[]): Movie[] {
  return ratings.map((rating, index) => ({ year: 1930, title: `${index}`, info: { rating } }))
}

async function startWith(t: TestContext, movies: Movie[]) {
  const app = await startApp(t)
  if (movies.length > 0) await load(app.url, movies)
  return app
}

test('the collection counts movies per year, and ratings in steps of a half', async (t) => {
  const odd = ['7.5', 'good\n7\n8', '7 8', null, true, [9], { a: 9 }, undefined]
  const { url, stores } = await startWith(t, rated(0, 0.49, 0.5, 7, 7.49, 9.5, 10, ...odd))
  await load(url, [
    { year: 1931, title: 'nested', info: { plot: '"rating":3', cast: { rating: 4 } } },
    { year: 9999, title: '\u{10ffff}\u{10ffff}', info: {} },
  ])
  const { count, years, ratings } = await stores.movies.collection()
  assert.equal(count, 17)
  assert.deepEqual(years, [
    [1930, 15],
    [1931, 1],
    [9999, 1],
  ])
  const found = ratings.flatMap((number, step) => (number > 0 ? [[step / 2, number]] : []))
  assert.deepEqual(found, [
    [0, 2],
    [0.5, 1],
    [7, 2],
    [9.5, 2],
  ])
})

/** The numbers as the movies themselves give them, read one by one. */
function recount(database: SQLite.Database) {
  const rows = database.prepare<[], { year: number; info: string }>('SELECT year, info FROM movies')
  const years = new Map<number, number>()
  const ratings = Array<number>(20).fill(0)
  for (const { year, info } of rows.iterate()) {
    years.set(year, (years.get(year) ?? 0) + 1)
    const { rating } = JSON.parse(info)
    if (typeof rating !== 'number') continue
    const step = Math.min(Math.floor(2 * rating), 19)
    ratings[step] = (ratings[step] as number) + 1
  }
  const counts = [...years].sort(([one], [other]) => one - other)
  return { count: counts.reduce((sum, [, count]) => sum + count, 0), years: counts, ratings }
}

// As releases before the counts save and remove movies; the first ones had no column `search`.
const earlierSave = `
  INSERT INTO movies (year, title, info, replacements) SELECT :year, :title, :info, 5 WHERE true
  ON CONFLICT (year, title) DO UPDATE SET info = excluded.info, replacements = replacements + 1
  RETURNING replacements`
const earlierRemove = 'DELETE FROM movies WHERE year = :year AND title = :title RETURNING year'

sqliteTest('the counts follow every change, also those of an earlier release', async (t) => {
  const { url, dataDir, database } = await startApp(t)
  const current = createCollection(database)
  const earlier = new SQLite(databasePath(dataDir))
  t.after(() => earlier.close())
  const [save, remove] = [earlier.prepare(earlierSave), earlier.prepare(earlierRemove)]
  for (let round = 0; round < 300; round += 1) {
    const movie = { year: 1930 + (round % 7), title: `${(round * round) % 11}`, info: {} }
    if (round % 3 > 0) movie.info = { rating: (round * 7) % 11 }
    const query = `year=${movie.year}&title=${movie.title}`
    if (round % 5 === 4) await send('DELETE', `${url}/movies?${query}`)
    else if (round % 5 === 3) remove.all({ year: movie.year, title: movie.title })
    else if (round % 2 === 0) save.all({ ...movie, info: JSON.stringify(movie.info) })
    else await sendJson('POST', `${url}/movies`, movie)
    assert.deepEqual(current(), recount(database.read), `round ${round}`)
  }
})

sqliteTest('a restore counts what it restores, also one by an earlier release', async (t) => {
  const { url, dataDir, database } = await startWith(t, rated(7, 8, 9, 3))
  const file = keepBackup(dataDir, 7)
  await send('DELETE', `${url}/movies?year=1930&title=0`)
  await load(url, [{ year: 1950, title: 'New', info: { rating: 1 } }])
  const current = createCollection(database)
  restore(dataDir, file, { overwrite: true })
  assert.deepEqual(current(), recount(database.read))
  assert.equal(current().count, 4)
  await load(url, [{ year: 1950, title: 'New', info: { rating: 1 } }])
  // It takes the counts for one more table with data, and restores tables in the order of their names.
  const earlier = new SQLite(databasePath(dataDir))
  earlier.prepare('ATTACH ? AS restored').run(file)
  for (const table of ['movie_counts', 'movies']) {
    const columns = table === 'movies' ? '(year, title, info, replacements)' : ''
    const values = table === 'movies' ? 'year, title, info, replacements' : '*'
    earlier.exec(`DELETE FROM main.${table}`)
    earlier.exec(`INSERT INTO main.${table} ${columns} SELECT ${values} FROM restored.${table}`)
  }
  earlier.close()
  assert.deepEqual(current(), recount(database.read))
})

sqliteTest('movies of an earlier release are counted as the schema is extended', () => {
  const database = new SQLite(':memory:')
  migrate(database, migrations.slice(0, 3))
  const save = database.prepare(earlierSave)
  for (const { year, title, info } of rated(7, 7.4, 'x', undefined, 10)) {
    save.all({ year, title, info: JSON.stringify(info) })
  }
  migrate(database)
  const current = createCollection({ read: database, version: () => 1 })
  assert.deepEqual(current(), recount(database))
  assert.equal(current().count, 5)
  database.close()
})

sqliteTest('the collection is read once per change, however many ask for it', async (t) => {
  const { url, database } = await startWith(t, rated(7))
  const current = createCollection(database)
  const first = current()
  assert.equal(current(), first)
  await send('DELETE', `${url}/movies?year=1930&title=0`)
  const second = current()
  assert.equal(second.count, 0)
  assert.equal(current(), second)
})

test('the drawings are sent once per change, and are images of their own', async (t) => {
  const { url } = await startWith(t, rated(7))
  for (const path of ['/movies/years.svg', '/movies/ratings.svg']) {
    const response = await fetch(url + path)
    const etag = response.headers.get('etag') as string
    assert.equal(response.headers.get('content-type'), 'image/svg+xml; charset=utf-8')
    assert.match(
      response.headers.get('content-security-policy') ?? '',
      /^default-src 'none'; style/,
    )
    assert.match(
      await response.text(),
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" .*<\/svg>\n$/s,
    )
    const again = await fetch(url + path, { headers: { 'if-none-match': etag } })
    assert.equal(again.status, 304)
    await load(url, [{ year: 1940, title: path, info: { rating: 3 } }])
    const changed = await fetch(url + path, { headers: { 'if-none-match': etag } })
    assert.equal(changed.status, 200)
  }
})

test('the drawing of years has at most a hundred bars, whose heights are right', () => {
  const ratings = Array(20).fill(0)
  for (const years of [
    [[1930, 1]],
    [
      [1900, 4],
      [1999, 2],
    ],
    [
      [1, 1],
      [9999, 4],
    ],
    [
      [1900, 1],
      [2024, 3],
    ],
  ] as [number, number][][]) {
    const { svg, text } = yearsOf(years)
    const bars = [...svg.matchAll(/M[\d.]+,152v-([\d.]+)h/g)].map(([, height]) => Number(height))
    assert.equal(bars.length, years.length)
    const most = Math.max(...years.map(([, count]) => count))
    for (const [index, [, count]] of years.entries()) {
      const ratio = (bars[index] as number) / Math.max(...bars)
      assert.ok(Math.abs(ratio - count / most) < 0.01, `${bars}`)
    }
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/)
    assert.match(
      text,
      new RegExp(`from ${years[0]?.[0]} to ${years.at(-1)?.[0]}\\. Most: .*with ${most}\\.$`),
    )
  }

  function yearsOf(years: [number, number][]) {
    const count = years.reduce((sum, [, number]) => sum + number, 0)
    const { text, reply } = draw({ count, years, ratings }).years
    return { text, svg: reply.body as string }
  }
})

test('an empty collection can be drawn', () => {
  const { years, ratings } = draw({ count: 0, years: [], ratings: Array(20).fill(0) })
  for (const { reply, isEmpty } of [years, ratings]) {
    assert.ok(isEmpty)
    assert.doesNotMatch(reply.body as string, /NaN|undefined|Infinity/)
  }
})
