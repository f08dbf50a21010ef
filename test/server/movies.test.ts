import assert from 'node:assert/strict'
import test from 'node:test'
import { expectFieldProblem, expectProblem, getJson, send, sendJson } from '../support/http.ts'
import { type Movie, titlesOf } from '../support/movies.ts'
import { startServer } from '../support/server.ts'

const kong: Movie = { year: 1933, title: 'King Kong', info: { plot: 'A giant ape', rating: 7.9 } }
const query = 'year=1933&title=King%20Kong'

test('GET /movies answers an empty list, and no next page, before the first POST', async (t) => {
  const url = await startServer(t)
  const response = await fetch(`${url}/movies`)
  assert.equal(await response.text(), '{"movies":[],"next":null}')
  assert.equal(response.headers.get('link'), null)
})

test('POST /movies adds a movie by query and answers its Location', async (t) => {
  const url = await startServer(t)
  const plot = encodeURIComponent('A giant ape')
  const response = await send('POST', `${url}/movies?${query}&plot=${plot}&rating=7.9`)
  assert.equal(response.status, 201)
  assert.equal(response.headers.get('location'), `/movies?${query}`)
  assert.deepEqual(await response.json(), kong)
  assert.deepEqual(await getJson(url + response.headers.get('location')), kong)
})

test('POST /movies adds the same movie as JSON', async (t) => {
  const url = await startServer(t)
  const response = await sendJson('POST', `${url}/movies`, kong)
  assert.equal(response.status, 201)
  assert.equal(response.headers.get('location'), `/movies?${query}`)
  assert.deepEqual(await getJson(`${url}/movies?${query}`), kong)
})

test('POST /movies replaces a movie, and says so with 200', async (t) => {
  const url = await startServer(t)
  await sendJson('POST', `${url}/movies`, kong)
  const response = await sendJson('POST', `${url}/movies`, { ...kong, info: { rating: 8 } })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('location'), null)
  assert.deepEqual(await getJson(`${url}/movies?${query}`), { ...kong, info: { rating: 8 } })
  assert.equal((await send('POST', `${url}/movies?${query}`)).status, 200)
  assert.deepEqual(await getJson(`${url}/movies?${query}`), { ...kong, info: {} })
  assert.deepEqual(await titlesOf(url), ['King Kong'])
})

test('Location leads to a movie of any title', async (t) => {
  const url = await startServer(t)
  for (const title of [
    '東京物語',
    'A & B = C?',
    '100% #1+1',
    '"\'<>\\',
    'a\r\nX-Test: b',
    '../..',
  ]) {
    const movie = { ...kong, title }
    const response = await sendJson('POST', `${url}/movies`, movie)
    assert.equal(response.headers.get('x-test'), null)
    assert.deepEqual(await getJson(url + response.headers.get('location')), movie)
  }
})

test('info is returned as it was sent', async (t) => {
  const url = await startServer(t)
  const info = {
    'directors of "it"': ['Merian C. Cooper'],
    nested: { null: null, deep: [[[{ a: [] }]]], empty: {} },
    numbers: [0, -1.5, 1e21, 9007199254740991, 0.1],
    text: '\u2028 </script> \\ é 😀 \u0001',
  }
  await sendJson('POST', `${url}/movies`, { ...kong, info })
  assert.deepEqual(await getJson(`${url}/movies?${query}`), { ...kong, info })
  const { movies } = await getJson<{ movies: Movie[] }>(`${url}/movies`)
  assert.deepEqual(movies, [{ ...kong, info }])
})

const refusedReads: [query: string, field: string | undefined, detail: RegExp][] = [
  ['year=abc&title=King%20Kong', 'year', /^year must be an integer from 1 to 9999$/],
  ['year=1933.5&title=King%20Kong', 'year', /^year must be an integer/],
  ['year=abc', 'year', /^year must be an integer/],
  ['year=', 'year', /^year must be an integer/],
  ['title=King%20Kong', 'year', /^year is missing$/],
  ['year=1933&title=', 'title', /^title must have 1 to 500 characters$/],
  ['year=1933&title=a%00b', undefined, /^The title contains a NUL character: remove it$/],
  ['year=1933&year=1934', undefined, /^The parameter year appears twice: send it once$/],
  ['year=1933&%79ear=1933', undefined, /^The parameter year appears twice: send it once$/],
  ['Year=1933', undefined, /^Unknown parameter "Year": use year, title, limit, cursor, search$/],
  ['__proto__=1', undefined, /^Unknown parameter "__proto__"/],
  ['=1', undefined, /^Unknown parameter ""/],
  [`${'a'.repeat(9000)}=1`, undefined, /^Unknown parameter "a+/],
  ['limit=0', 'limit', /^limit must be an integer from 1 to 1000$/],
  ['limit=1001', 'limit', /^limit must be/],
  ['limit=-1', 'limit', /^limit must be/],
  ['limit=ten', 'limit', /^limit must be/],
  ['limit=', 'limit', /^limit must be/],
  ['cursor=garbage', 'cursor', /^cursor is not valid: take it from "next", or leave it out/],
  ['cursor=', 'cursor', /^cursor is not valid/],
  ['year=1933&title=M&limit=5', undefined, /^limit and cursor are for lists/],
]

test('GET /movies answers 400 for', async (t) => {
  const url = await startServer(t)
  for (const [bad, field, detail] of refusedReads) {
    await t.test(bad.slice(0, 40), async () => {
      const response = await fetch(`${url}/movies?${bad}`)
      if (field) await expectFieldProblem(response, field, detail)
      else await expectProblem(response, 400, detail)
    })
  }
})

test('GET /movies answers 404 for an unknown movie', async (t) => {
  const url = await startServer(t)
  await sendJson('POST', `${url}/movies`, kong)
  for (const other of ['year=1934&title=King%20Kong', 'year=1933&title=king+kong']) {
    const response = await fetch(`${url}/movies?${other}`)
    await expectProblem(
      response,
      404,
      /^No movie "[Kk]ing [Kk]ong" from 193[34]: GET \/movies\?year=193[34] lists that year$/,
    )
  }
  assert.deepEqual(await getJson(`${url}/movies?year=1933&title=King+Kong`), kong)
})

test('POST /movies answers 4xx, and stores nothing, for', async (t) => {
  const url = await startServer(t)
  const post = (query: string, body?: string, type = 'application/json') =>
    send('POST', `${url}/movies${query}`, body, { 'content-type': type })
  const whole = JSON.stringify(kong)
  const cases: [what: string, response: Promise<Response>, status: number, detail: RegExp][] = [
    ['nothing', post(''), 400, /^Give year and title in the query, or send the movie as JSON$/],
    ['query and body', post(`?${query}`, whole), 400, /in the query or in the body, not both$/],
    ['a year alone', post('?year=1933'), 400, /^title is missing$/],
    ['a bad year', post('?year=x&title=M'), 400, /^year must be an integer from 1 to 9999$/],
    ['a bad rating', post(`?${query}&rating=good`), 400, /^rating must be a number such as 7.5$/],
    [
      'a rating over 10',
      post(`?${query}&rating=10.1`),
      400,
      /^rating must be a number from 0 to 10$/,
    ],
    ['a rating below 0', post(`?${query}&rating=-0.1`), 400, /^rating must be a number from 0 to/],
    [
      'a rating of 11 as JSON',
      post('', whole.replace('7.9', '11')),
      400,
      /^rating must be a number/,
    ],
    [
      'a title over 1,024 bytes',
      post(`?year=1933&title=${encodeURIComponent('😀'.repeat(257))}`),
      400,
      /^title must have at most 1024 bytes in UTF-8$/,
    ],
    ['an unknown parameter', post(`?${query}&genre=x`), 400, /^Unknown parameter "genre"/],
    [
      'a form',
      post('', query, 'application/x-www-form-urlencoded'),
      415,
      /^The Content-Type must be application\/json, /,
    ],
    ['plain text', post('', whole, 'text/plain'), 415, /got "text\/plain"$/],
    [
      'an array',
      post('', `[${whole}]`),
      400,
      /^Expected a JSON object with year, title, info, got an ar/,
    ],
    ['a body over 1 MiB', post('', ' '.repeat(2 ** 20) + whole), 413, /larger than 1048576 bytes/],
    [
      'info over 64 KiB',
      post('', whole.replace('A g', 'a'.repeat(70_000))),
      400,
      /^info must have/,
    ],
  ]
  for (const [what, response, status, detail] of cases) {
    await t.test(what, async () => {
      await expectProblem(await response, status, detail)
    })
  }
  assert.deepEqual(await titlesOf(url), [])
})

test('POST /movies takes every rating from 0 to 10, and titles of 1,024 bytes', async (t) => {
  const url = await startServer(t)
  for (const rating of [0, 10]) {
    const added = await send('POST', `${url}/movies?year=1931&title=M${rating}&rating=${rating}`)
    assert.equal(added.status, 201)
  }
  const title = '😀'.repeat(256)
  assert.equal((await sendJson('POST', `${url}/movies`, { ...kong, title })).status, 201)
})

test('DELETE /movies answers 204, and 404 if there is none', async (t) => {
  const url = await startServer(t)
  await sendJson('POST', `${url}/movies`, kong)
  await sendJson('POST', `${url}/movies`, { ...kong, title: 'M' })
  const response = await send('DELETE', `${url}/movies?${query}`)
  assert.equal(response.status, 204)
  assert.equal(await response.text(), '')
  await expectProblem(await send('DELETE', `${url}/movies?${query}`), 404, /^No movie "King/)
  assert.deepEqual(await titlesOf(url), ['M'])
})

test('DELETE /movies deletes nothing without a year and a title', async (t) => {
  const url = await startServer(t)
  await sendJson('POST', `${url}/movies`, kong)
  for (const bad of ['', 'year=1933', 'title=King+Kong', `${query}&limit=1`, `year=x&title=M`]) {
    assert.equal((await send('DELETE', `${url}/movies?${bad}`)).status, 400, bad)
  }
  assert.deepEqual(await titlesOf(url), ['King Kong'])
})
