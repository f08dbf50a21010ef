import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { createCollection } from '../../../server/movies/collection.ts'
import { draw } from '../../../server/movies/drawings.ts'
import { send } from '../../support/http.ts'
import { load, type Movie } from '../../support/movies.ts'
import { startApp } from '../../support/server.ts'

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
  const { url, database } = await startWith(t, rated(0, 0.49, 0.5, 7, 7.49, 9.5, 10, ...odd))
  await load(url, [
    { year: 1931, title: 'nested', info: { plot: '"rating":3', cast: { rating: 4 } } },
    { year: 9999, title: '\u{10ffff}\u{10ffff}', info: {} },
  ])
  const { count, years, ratings } = await createCollection(database)()
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

test('the collection is counted in parts, each movie once', async (t) => {
  const movies = Array.from({ length: 12_001 }, (_, index) => ({
    year: 1900 + (index % 3),
    title: `${index}`,
    info: { rating: 5 },
  }))
  const { database } = await startWith(t, movies)
  const { count, years, ratings } = await createCollection(database)()
  assert.equal(count, 12_001)
  assert.deepEqual(
    years.map(([, number]) => number),
    [4001, 4000, 4000],
  )
  assert.equal(ratings[10], 12_001)
})

test('the collection is counted once per change, however many ask for it', async (t) => {
  const { url, database } = await startWith(t, rated(7))
  let counts = 0
  const read = new Proxy(database.read, {
    get: (target, name) => (name === 'prepare' ? prepare : Reflect.get(target, name)),
  })
  const current = createCollection({ ...database, read })
  const [first] = await Promise.all([current(), current(), current()])
  assert.equal(await current(), first)
  assert.equal(counts, 1)
  await send('DELETE', `${url}/movies?year=1930&title=0`)
  const all = await Promise.all([current(), current()])
  assert.deepEqual(
    all.map(({ count }) => count),
    [0, 0],
  )
  assert.equal(counts, 2)

  function prepare(sql: string) {
    const statement = database.read.prepare(sql)
    if (!sql.includes('count(*)')) return statement
    const iterate = (parameters: object) => {
      counts += 1
      return statement.iterate(parameters)
    }
    return { iterate }
  }
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
