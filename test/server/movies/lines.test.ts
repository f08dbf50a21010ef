import assert from 'node:assert/strict'
import test from 'node:test'
import { expectAlive, expectProblem, getJson, send } from '../../support/http.ts'
import { load, type Movie, postLines, titlesOf, walk } from '../../support/movies.ts'
import { startServer } from '../../support/server.ts'

const makeMovies = (count: number): Movie[] =>
  Array.from({ length: count }, (_, index) => ({ year: 1950, title: `Movie ${index}`, info: {} }))

test('POST /movies takes many movies as lines and counts those added and replaced', async (t) => {
  const url = await startServer(t)
  await load(url, makeMovies(10))
  const changed = makeMovies(15).map((movie) => ({ ...movie, info: { rating: 1 } }))
  const response = await postLines(url, changed)
  assert.equal(response.status, 200)
  assert.deepEqual(await response.json(), { added: 5, replaced: 10 })
  const [page] = await walk(url, '/movies?limit=1000')
  assert.ok(page?.movies.length === 15 && page.movies.every(({ info }) => info.rating === 1))
})

test('the last line of a movie that appears twice counts', async (t) => {
  const url = await startServer(t)
  const [movie] = makeMovies(1) as [Movie]
  const response = await postLines(url, [movie, { ...movie, info: { rating: 2 } }])
  assert.deepEqual(await response.json(), { added: 1, replaced: 1 })
  const found = await getJson<Movie>(`${url}/movies?year=1950&title=Movie+0`)
  assert.deepEqual(found.info, { rating: 2 })
})

test('empty lines, CRLF and a last line without a newline are fine', async (t) => {
  const url = await startServer(t)
  const [one, two] = makeMovies(2).map((movie) => JSON.stringify(movie))
  const response = await postLines(url, `\r\n${one}\r\n\n   \n${two}`)
  assert.deepEqual(await response.json(), { added: 2, replaced: 0 })
  for (const nothing of ['', '\n', '\n\n  \r\n']) {
    assert.deepEqual(await (await postLines(url, nothing)).json(), { added: 0, replaced: 0 })
  }
})

const bad: [what: string, line: string, detail: RegExp][] = [
  ['cut short', '{"year": 1950, "title"', /^Line 4000: Malformed JSON/],
  ['an array', '[1950, "Movie", {}]', /^Line 4000: Expected a JSON object with year, title, info/],
  ['of no year', '{"title": "M", "info": {}}', /^Line 4000: year is missing$/],
  [
    'of a bad year',
    '{"year": 19.5, "title": "M", "info": {}}',
    /^Line 4000: year must be an integ/,
  ],
  ['of two titles', '{"year": 1, "title": "M", "title": "N", "info": {}}', /^Line 4000: title ap/],
  [
    'with __proto__',
    '{"year": 1, "title": "M", "info": {"__proto__": 1}}',
    /^Line 4000: __proto__/,
  ],
  [
    'with half a character',
    '{"year": 1, "title": "\\ud800", "info": {}}',
    /^Line 4000: A JSON stri/,
  ],
  ['two movies', '{"year": 1, "title": "M", "info": {}} {}', /^Line 4000: Malformed JSON/],
  ['with a NUL', '{"year": 1, "title": "a\0b", "info": {}}', /^Line 4000: .*(NUL|Malformed)/],
]

test('none of 5,000 lines is stored when line 4,000 is', async (t) => {
  const url = await startServer(t)
  await load(url, [{ year: 1931, title: 'M', info: { rating: 8 } }])
  const lines = makeMovies(5000).map((movie) => JSON.stringify(movie))
  lines[0] = '{"year": 1931, "title": "M", "info": {}}'
  for (const [what, line, detail] of bad) {
    await t.test(what, async () => {
      await expectProblem(await postLines(url, lines.with(3999, line).join('\n')), 400, detail)
    })
  }
  assert.deepEqual(await titlesOf(url), ['M'])
  const { info } = await getJson<Movie>(`${url}/movies?year=1931&title=M`)
  assert.deepEqual(info, { rating: 8 })
})

test('lines with parameters in the query are refused, saying why', async (t) => {
  const url = await startServer(t)
  const type = { 'content-type': 'application/x-ndjson' }
  const response = await send('POST', `${url}/movies?year=1950`, '', type)
  const { detail } = await expectProblem(response, 400, /year/)
  assert.doesNotMatch(detail, /: use $/)
})

test('up to 8 MiB of lines are accepted at once, and no more', async (t) => {
  const url = await startServer(t)
  const info = { plot: 'a'.repeat(60_000) }
  const movies = makeMovies(139).map((movie) => ({ ...movie, info }))
  await load(url, movies)
  const response = await postLines(url, [...movies, ...movies.slice(0, 1), { year: 1, info }])
  await expectProblem(response, 413, /^The body is larger than 8388608 bytes: send less$/)
  assert.equal((await titlesOf(url, 'limit=1000&year=1')).length, 0)
})

test('a single line of 8 MB is refused for the size of its info, and the worker goes on', async (t) => {
  const url = await startServer(t)
  for (const plot of ['a'.repeat(8_000_000), '\\'.repeat(4_000_000)]) {
    const response = await postLines(url, [{ year: 1950, title: 'M', info: { plot } }])
    await expectProblem(response, 400, /^Line 1: info must have at most 65536 bytes$/)
  }
  await expectAlive(url)
})
