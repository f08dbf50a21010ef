import assert from 'node:assert/strict'
import test from 'node:test'
import { fill, needsBrowser, openPage, submit } from '../../support/browser.ts'
import { getJson, send, sendJson } from '../../support/http.ts'
import { load, type Movie } from '../../support/movies.ts'
import { startApp, startServer } from '../../support/server.ts'

const skip = needsBrowser
const asBrowser = { headers: { accept: 'text/html' } }
const heading = "document.querySelector('h1')?.textContent"
const isShown = (text: string) => `${heading} === ${JSON.stringify(text)}`
const alert = "document.querySelector('[role=alert]')?.textContent ?? ''"

const kong: Movie = {
  year: 1933,
  title: 'King Kong',
  info: { plot: 'A giant ape', rating: 7.9, actors: ['Fay Wray'], genres: ['Adventure', 'Horror'] },
}

async function readPage(url: string): Promise<string> {
  const response = await fetch(url, asBrowser)
  assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
  return response.text()
}

for (const javaScript of [true, false]) {
  test(`a movie is added, changed, found and deleted in a browser, ${javaScript ? 'with' : 'without'} JavaScript`, {
    skip,
  }, async (t) => {
    const url = await startServer(t, { WRITE_TOKEN: 'secret' })
    const page = await openPage(t, `${url}/movies/edit`)
    await page.command('Emulation.setScriptExecutionDisabled', { value: !javaScript })
    const typed = { year: '1933', title: 'King Kong', plot: 'A giant ape', rating: '7.9' }
    await fill(page, '/movies/edit', {
      ...typed,
      actors: 'Fay Wray\nRobert Armstrong',
      token: 'no',
    })
    await submit(page, '/movies/edit')
    await page.until(`(${alert}).startsWith('Not saved. The token is not valid')`)
    await fill(page, '/movies/edit', { token: 'secret' })
    await submit(page, '/movies/edit')
    await page.until(isShown('King Kong'))
    const info = { plot: 'A giant ape', rating: 7.9, actors: ['Fay Wray', 'Robert Armstrong'] }
    assert.deepEqual(await getJson(`${url}/movies?year=1933&title=King+Kong`), { ...kong, info })
    await page.evaluate('document.querySelector(\'a[href^="/movies/edit?"]\').click()')
    await page.until(isShown('Change a movie'))
    await fill(page, '/movies/edit', { plot: 'An ape in love', token: 'secret' })
    await submit(page, '/movies/edit')
    await page.until(isShown('King Kong'))
    assert.equal(
      await page.evaluate("document.querySelector('.plot').textContent"),
      'An ape in love',
    )
    await page.command('Page.navigate', { url: `${url}/movies` })
    await page.until(isShown('Movies'))
    await page.until('[...document.images].every(({ naturalWidth }) => naturalWidth === 360)')
    await page.evaluate("document.querySelector('[name=search]').value = 'KING'")
    await submit(page, '/movies')
    await page.until(isShown('Movies that begin with “KING”'))
    await page.evaluate("document.querySelector('td a').click()")
    await page.until(isShown('King Kong'))
    await fill(page, '/movies/delete', { token: 'secret' })
    await submit(page, '/movies/delete')
    await page.until(isShown('Deleted'))
    assert.deepEqual(await getJson(`${url}/movies`), { movies: [], next: null })
  })
}

test('of two tabs that change a movie, the second learns of the first and keeps its text', {
  skip,
}, async (t) => {
  const url = await startServer(t)
  await sendJson('POST', `${url}/movies`, kong)
  const form = `${url}/movies/edit?year=1933&title=King+Kong`
  const [one, two] = await Promise.all([openPage(t, form), openPage(t, form)])
  await fill(one, '/movies/edit', { plot: 'The first' })
  await submit(one, '/movies/edit')
  await one.until(isShown('King Kong'))
  await fill(two, '/movies/edit', { plot: 'The second' })
  await submit(two, '/movies/edit')
  await two.until(
    `(${alert}).startsWith('Not saved. Someone else has changed “King Kong” from 1933')`,
  )
  assert.equal(await two.evaluate("document.querySelector('[name=plot]').value"), 'The second')
  const { info } = await getJson<Movie>(`${url}/movies?year=1933&title=King+Kong`)
  assert.deepEqual(info, { ...kong.info, plot: 'The first' })
  await submit(two, '/movies/edit')
  await two.until(isShown('King Kong'))
  const again = await getJson<Movie>(`${url}/movies?year=1933&title=King+Kong`)
  assert.equal(again.info.plot, 'The second')
})

function save(url: string, fields: Record<string, string>) {
  const body = new URLSearchParams(fields)
  const init = { method: 'POST', body, redirect: 'manual', ...asBrowser } as const
  return fetch(`${url}/movies/edit`, init)
}

test('a form that adds a movie never replaces one', async (t) => {
  const url = await startServer(t)
  await sendJson('POST', `${url}/movies`, kong)
  const response = await save(url, { year: '1933', title: 'King Kong', plot: 'Mine' })
  assert.equal(response.status, 412)
  assert.match(await response.text(), /“King Kong” from 1933 is already here.*\nMine<\/textarea>/s)
  assert.deepEqual(await getJson(`${url}/movies?year=1933&title=King+Kong`), kong)
})

test('a form changes its fields alone, and removes those that are emptied', async (t) => {
  const url = await startServer(t)
  const odd = { plot: { en: 'An ape' }, rating: 'good', actors: 'Fay Wray', rank: [1, { a: null }] }
  for (const info of [kong.info, odd]) {
    await sendJson('POST', `${url}/movies`, { ...kong, info })
    const page = await readPage(`${url}/movies/edit?year=1933&title=King+Kong`)
    const version = /name="version" value="(\d+)"/.exec(page)?.[1] as string
    const same = { plot: info === odd ? '' : 'A giant ape', rating: '', actors: '' }
    const response = await save(url, { year: '1933', title: 'King Kong', version, ...same })
    assert.equal(response.status, 303)
    assert.equal(response.headers.get('location'), '/movies?year=1933&title=King%20Kong')
    const { info: saved } = await getJson<Movie>(`${url}/movies?year=1933&title=King+Kong`)
    const { plot, genres } = kong.info
    assert.deepEqual(saved, info === odd ? odd : { plot, genres })
  }
})

test('a form names the field at fault, focuses it and keeps everything typed', async (t) => {
  const url = await startServer(t)
  const typed = { year: '1933', title: '"Kong" & <b>', plot: '\n  An ape\n', rating: '11' }
  const cases: [change: Record<string, string>, message: RegExp, field: string][] = [
    [{}, /Not saved\. Rating: must be a number from 0 to 10\./, 'rating'],
    [{ rating: 'x' }, /Not saved\. Rating: must be a number such as 7\.5\./, 'rating'],
    [{ year: 'soon' }, /Not saved\. Year: must be an integer from 1 to 9999\./, 'year'],
    [{ title: '' }, /Not saved\. Title: must have 1 to 500 characters\./, 'title'],
    [{ plot: 'a'.repeat(70_000), rating: '7' }, /Not saved\. info must have at most 65536/, ''],
  ]
  for (const [change, message, field] of cases) {
    const response = await save(url, { ...typed, ...change })
    const page = await response.text()
    assert.equal(response.status, 400)
    assert.match(page, message)
    const marked = [...page.matchAll(/name="(\w+)"[^>]* aria-invalid="true"[^>]* autofocus/g)]
    assert.deepEqual(
      marked.map(([, name]) => name),
      field === '' ? [] : [field],
    )
    if (!('plot' in change)) assert.ok(page.includes('>\n\n  An ape\n</textarea>'), page)
    if (!('title' in change)) assert.ok(page.includes('value="&quot;Kong&quot; &amp; &lt;b&gt;"'))
  }
  assert.deepEqual(await getJson(`${url}/movies`), { movies: [], next: null })
})

test('pages of movies lead to the next one, and show what they are', async (t) => {
  const url = await startServer(t)
  const movies = Array.from({ length: 5 }, (_, index) => ({ ...kong, year: 1930 + index }))
  await load(url, movies)
  for (const start of ['/movies?limit=2', '/movies?search=k&limit=2']) {
    const years: string[] = []
    for (let path: string | undefined = start; path !== undefined; ) {
      const page = await readPage(url + path)
      years.push(...[...page.matchAll(/<tr><td>(\d+)/g)].map(([, year]) => year as string))
      path = /<a href="([^"]*)" rel="next"/.exec(page)?.[1]?.replaceAll('&amp;', '&')
    }
    assert.deepEqual(years, ['1930', '1931', '1932', '1933', '1934'])
  }
  assert.match(await readPage(`${url}/movies?year=1931`), /<h1>Movies of 1931<\/h1>/)
  assert.match(await readPage(`${url}/movies?year=1999`), /<p>No movies found\.<\/p>/)
  assert.match(await readPage(`${url}/movies`), /<p class="lead">5 movies · <a/)
})

test('a list shows every change at once, whoever made it', async (t) => {
  const { url, dataDir } = await startApp(t)
  await load(url, [kong])
  const paths = ['/movies', '/movies?year=1933', '/movies?search=k']
  for (const path of paths) assert.match(await readPage(url + path), /<td>7\.9<\/td>/)
  const other = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  await sendJson('POST', `${other}/movies`, { ...kong, info: { rating: 6.5 } })
  for (const path of paths) assert.match(await readPage(url + path), /<td>6\.5<\/td>/)
})

test('an empty database says how to load the sample', async (t) => {
  const url = await startServer(t)
  const page = await readPage(`${url}/movies`)
  assert.match(page, /There are no movies yet\..*<code>npx onebox load-movies docs\/movies\.json</s)
  assert.doesNotMatch(page, /<img|<table|name="search"/)
  await load(url, [kong])
  assert.match(await readPage(`${url}/movies`), /<p class="lead">1 movie · .*<img.*<table/s)
})

test("a movie's page shows everything about it as text", async (t) => {
  const url = await startServer(t)
  const info = {
    ...kong.info,
    directors: ['Merian C. Cooper', 'Ernest B. Schoedsack'],
    release_date: '1933-03-02T00:00:00Z',
    running_time_secs: 6000,
    odd: { a: [1, null] },
  }
  await sendJson('POST', `${url}/movies`, { ...kong, info })
  const page = await readPage(`${url}/movies?year=1933&title=King+Kong`)
  for (const part of [
    '<h1 dir="auto">King Kong</h1>',
    'rated 7.9 of 10',
    '<p class="plot" dir="auto">A giant ape</p>',
    '<li dir="auto">Fay Wray</li>',
    '<dt dir="auto">Directors</dt><dd dir="auto">Merian C. Cooper, Ernest B. Schoedsack</dd>',
    '<dt dir="auto">Release date</dt><dd dir="auto">1933-03-02</dd>',
    '<dt dir="auto">Running time</dt><dd dir="auto">100 minutes</dd>',
    '<dd dir="auto">{&quot;a&quot;:[1,null]}</dd>',
  ]) {
    assert.ok(page.includes(part), part)
  }
})

test('a page of the longest titles stays bounded', async (t) => {
  const url = await startServer(t)
  const movies = Array.from({ length: 700 }, (_, index) => ({
    ...kong,
    year: index + 1,
    title: '"'.repeat(500),
  }))
  await load(url, movies)
  const page = await readPage(`${url}/movies?limit=1000`)
  assert.ok(page.length < 3 * 2 ** 20, `${page.length}`)
  assert.match(page, / rel="next"/)
  await send('DELETE', `${url}/movies?year=1&title=${'"'.repeat(500)}`)
})
