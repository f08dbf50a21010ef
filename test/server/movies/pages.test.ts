import assert from 'node:assert/strict'
import test from 'node:test'
import { getJson, send } from '../../support/http.ts'
import { load, type Movie, type Page, titlesOf, walk } from '../../support/movies.ts'
import { startServer } from '../../support/server.ts'

/** `count` movies over four years, with titles that sort in every way but by number. */
function makeMovies(count: number): Movie[] {
  return Array.from({ length: count }, (_, index) => ({
    year: 1930 + (index % 4),
    title: `${['The', 'a', 'Ω', '"&', '%'][index % 5]} ${index}`,
    info: { index },
  }))
}

/** The order of the contract, titles by their UTF-8 bytes. */
function inOrder(movies: Movie[]): Movie[] {
  return movies.toSorted(
    (a, b) => a.year - b.year || Buffer.compare(Buffer.from(a.title), Buffer.from(b.title)),
  )
}

test('GET /movies pages through all movies by next, each exactly once and in order', async (t) => {
  const url = await startServer(t)
  const movies = makeMovies(250)
  await load(url, movies.toReversed())
  for (const limit of [1, 7, 50, 249, 250, 1000]) {
    const pages = await walk(url, `/movies?limit=${limit}`)
    assert.deepEqual(
      pages.flatMap((page) => page.movies),
      inOrder(movies),
    )
    assert.equal(pages.length, Math.ceil(movies.length / limit))
    for (const page of pages.slice(0, -1)) assert.equal(page.movies.length, limit)
  }
})

test('GET /movies lists 100 movies per page by default, with next as a Link too', async (t) => {
  const url = await startServer(t)
  await load(url, makeMovies(101))
  const response = await fetch(`${url}/movies`)
  const { movies, next } = (await response.json()) as Page
  assert.equal(movies.length, 100)
  assert.match(next ?? '', /^\/movies\?limit=100&cursor=[\w-]+$/)
  assert.equal(response.headers.get('link'), `<${next}>; rel="next"`)
  const last = await fetch(url + next)
  assert.equal(last.headers.get('link'), null)
  assert.equal(((await last.json()) as Page).movies.length, 1)
})

test('GET /movies?year= pages through the movies of that year only', async (t) => {
  const url = await startServer(t)
  const movies = makeMovies(100)
  await load(url, movies)
  for (const year of [1930, 1933]) {
    const pages = await walk(url, `/movies?year=${year}&limit=7`)
    assert.deepEqual(
      pages.flatMap((page) => page.movies),
      inOrder(movies).filter((movie) => movie.year === year),
    )
  }
  assert.deepEqual(await getJson(`${url}/movies?year=1950`), { movies: [], next: null })
})

test('a cursor stays correct while movies are added and removed around it', async (t) => {
  const url = await startServer(t)
  const movies = ['b', 'd', 'f', 'h'].map((title) => ({ year: 1950, title, info: {} }))
  await load(url, movies)
  const { next } = await getJson<Page>(`${url}/movies?limit=2`)
  await send('DELETE', `${url}/movies?year=1950&title=d`)
  for (const title of ['a', 'c', 'e']) await send('POST', `${url}/movies?year=1950&title=${title}`)
  assert.deepEqual(await titlesOf(url, next?.split('?')[1]), ['e', 'f'])
})

test('a cursor of another year starts at the beginning or end of the requested year', async (t) => {
  const url = await startServer(t)
  await load(url, makeMovies(8))
  const cursorIn = async (year: number) => {
    const { next } = await getJson<Page>(`${url}/movies?year=${year}&limit=1`)
    return new URLSearchParams(next?.split('?')[1]).get('cursor')
  }
  const [early, late] = [await cursorIn(1930), await cursorIn(1933)]
  assert.equal((await titlesOf(url, `year=1932&cursor=${early}`)).length, 2)
  assert.equal((await titlesOf(url, `year=1932&cursor=${late}`)).length, 0)
})

test('a cursor goes on although all movies of its year are gone, or it was the last one', async (t) => {
  const url = await startServer(t)
  await load(url, makeMovies(8))
  const { next } = await getJson<Page>(`${url}/movies?limit=1`)
  for (const title of await titlesOf(url, 'year=1930')) {
    await send('DELETE', `${url}/movies?year=1930&title=${encodeURIComponent(title)}`)
  }
  assert.equal((await titlesOf(url, next?.split('?')[1]?.replace('limit=1&', ''))).length, 6)
  const beyond = Buffer.from('[9999,"z"]').toString('base64url')
  assert.deepEqual(await getJson(`${url}/movies?cursor=${beyond}`), { movies: [], next: null })
  assert.deepEqual(
    await titlesOf(url, `search=a&cursor=${beyond}`),
    await titlesOf(url, 'search=a'),
  )
})

test('a page of movies with much info is cut short, and paging still finds them all', async (t) => {
  const url = await startServer(t)
  const movies = makeMovies(100).map((movie) => ({ ...movie, info: { plot: 'a'.repeat(60_000) } }))
  await load(url, movies)
  const pages = await walk(url, '/movies?limit=1000')
  assert.deepEqual(
    pages.flatMap((page) => page.movies).map(({ title }) => title),
    inOrder(movies).map(({ title }) => title),
  )
  assert.ok(pages.length > 1)
  for (const page of pages) assert.ok(JSON.stringify(page).length < 5 * 2 ** 20)
})
