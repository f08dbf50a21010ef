import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { barText, standingText } from '../../scripts/terminal/progress.ts'
import { freePort } from '../support/release.ts'
import { makeDataDir, startApp, startServer } from '../support/server.ts'
import {
  assertFailure,
  assertUsageError,
  type Ended,
  main,
  run as runCommand,
  serve,
} from './command.ts'

interface Movie {
  year: number
  title: string
  info: Record<string, unknown>
}

test('load-movies adds every movie of a JSON array with all its fields', async (t) => {
  const url = await startServer(t)
  const movies = makeMovies(700)
  const { code, out, error } = await run([fileOf(JSON.stringify(movies, null, 4)), '--url', url])
  assert.equal(error, '')
  assert.match(out, /^→ Loaded 700 movies in .+ s: 700 added, 0 replaced$/m)
  assert.equal(code, 0)
  assert.deepEqual(await storedMovies(url), inOrder(movies))
})

test('load-movies replaces the movies when it runs again', async (t) => {
  const url = await startServer(t)
  const file = fileOf(JSON.stringify(makeMovies(300)))
  await run([file, '--url', url])
  const { code, out } = await run([file, '--url', url])
  assert.equal(code, 0)
  assert.match(out, /: 0 added, 300 replaced$/m)
})

test('load-movies limits its requests in bytes, and sends movies over that limit alone', async (t) => {
  const url = await startServer(t)
  const movies = makeMovies(40).map((movie) => {
    return { ...movie, info: { plot: 'é'.repeat(30_000), ...movie.info } }
  })
  const { code, error } = await run([fileOf(linesOf(movies)), '--url', `${url}/`])
  assert.deepEqual({ code, error }, { code: 0, error: '' })
  assert.deepEqual(await storedMovies(url), inOrder(movies))
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const [, requests] = /requests_total\{[^}]*POST[^}]*\} (\d+)/.exec(metrics) ?? []
  assert.equal(Number(requests), Math.ceil(40 / 8))
})

test('load-movies reads NDJSON with a byte order mark, blank lines and CRLF', async (t) => {
  const url = await startServer(t)
  const movies = makeMovies(50)
  const text = `\ufeff\r\n${movies.map((movie) => `${JSON.stringify(movie)}\r\n\r\n`).join('')}`
  const { code } = await run([fileOf(text), '--url', url])
  assert.equal(code, 0)
  assert.deepEqual(await storedMovies(url), inOrder(movies))
})

test('load-movies reads from a URL', async (t) => {
  const url = await startServer(t)
  const movies = makeMovies(30)
  const source = await serve(t, (_, response) => response.end(linesOf(movies)))
  const { code } = await run([`${source}/movies.ndjson`, '--url', url])
  assert.equal(code, 0)
  assert.deepEqual(await storedMovies(url), inOrder(movies))
})

test('load-movies takes the token from WRITE_TOKEN or --token', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'first,second' })
  const file = fileOf(linesOf(makeMovies(3)))
  const byList = await run([file, '--url', url], { WRITE_TOKEN: 'first,second' })
  const byOption = await run([file, '--url', url, '--token', 'second'])
  assert.deepEqual([byList.code, byOption.code], [0, 0])
  const none = await run([file, '--url', url])
  const wrong = await run([file, '--url', url], { WRITE_TOKEN: 'secret-typo' })
  assertFailure(
    none,
    /answers 401 .*: set WRITE_TOKEN, or add --token TOKEN. Nothing is stored yet/,
  )
  assertFailure(wrong, /answers 401 .*: check the token/)
  assert.doesNotMatch(wrong.out + wrong.error, /secret-typo/)
})

test('load-movies names the bad movie of an array, and completes once it is fixed', async (t) => {
  const url = await startServer(t)
  const movies = makeMovies(1200)
  const bad: unknown[] = movies.with(1002, { ...movies[1002], year: '1999' } as unknown as Movie)
  const failed = await run([fileOf(JSON.stringify(bad)), '--url', url])
  assertFailure(failed, /, movie 1003 \(".+"\): year must be an integer, got a string\. /)
  assertFailure(failed, /Stored so far: 1,000; running the same again completes the load/)
  assert.deepEqual(await storedMovies(url), inOrder(movies.slice(0, 1000)))
  const fixed = await run([fileOf(JSON.stringify(movies)), '--url', url])
  assert.match(fixed.out, /: 200 added, 1,000 replaced$/m)
})

test('load-movies names the bad line of NDJSON, counting blank lines', async (t) => {
  const url = await startServer(t)
  const text = `\n\n${linesOf(makeMovies(2))}\n{"year":1999,\n`
  assertFailure(
    await run([fileOf(text), '--url', url]),
    /, line 5: Malformed JSON: .*Nothing is stored yet/,
  )
  assert.deepEqual(await storedMovies(url), [])
})

const badFiles: [what: string, content: string | Buffer, error: RegExp][] = [
  ['an element that is no movie', '[7]', /, movie 1: Expected a JSON object .*got a number/],
  [
    'a movie with one more field',
    '[{"year":1,"title":"a","info":{},"x":1}]',
    /movie 1 \("a"\): x is/,
  ],
  ['a movie with a key given twice', '[{"year":1,"year":2}]', /: year appears twice: keep one/],
  ['half a character', '[{"year":1,"title":"\\ud800","info":{}}]', /, movie 1: .*surrogate/],
  ['an array cut short', '[{"year":1,"title":"a"', /: Malformed JSON/],
  ['an empty array', ' [ ] ', / is an empty array/],
  ['nothing', '', / is empty/],
  ['white space', ' \n ', / is empty/],
  ['a page of HTML', '<!doctype html>', / is not JSON/],
  ['a line of two megabytes', `{"a":"${'x'.repeat(2 * 2 ** 20)}"}`, /, line 1: .*over 1 MiB/],
  ['text that is not UTF-8', Buffer.from('[\xff]', 'latin1'), / is not UTF-8/],
]

for (const [what, content, error] of badFiles) {
  test(`load-movies rejects ${what} in one line and stores nothing`, async (t) => {
    const url = await startServer(t)
    assertFailure(await run([fileOf(content), '--url', url]), error)
    assert.deepEqual(await storedMovies(url), [])
  })
}

const badArguments: [args: string[], error: RegExp][] = [
  [[], /^npx onebox load-movies takes FILE\|URL, got none: .*--help/],
  [['a.json', 'b.json'], /takes FILE\|URL, got "a\.json" "b\.json"/],
  [['a.json', '--speed'], /^Unknown option --speed: npx onebox load-movies --help lists them/],
  [['a.json', '--url'], /'--url <value>' argument missing/],
  [['a.json', '--url', 'localhost:8080'], /^--url must be like http:.*"localhost:8080"/],
]

for (const [args, error] of badArguments) {
  test(`load-movies ${args.join(' ') || 'without a file'} is a usage error`, async () => {
    assertUsageError(await run(args), error)
  })
}

test('load-movies names a bad token, a missing file and a folder', async () => {
  assertFailure(await run(['a.json', '--token', 'ü']), /^The token must be ASCII/)
  assertFailure(await run(['no-such-file.json']), /^There is no file no-such-file\.json/)
  assertFailure(await run(['/']), /^\/ is a folder/)
})

test('load-movies names a URL without movies', async (t) => {
  const source = await serve(t, (_, response) => response.writeHead(404).end('Not here'))
  assertFailure(
    await run([`${source}/x.json`]),
    /\/x\.json answers 404 Not Found: check the address/,
  )
  const gone = `http://127.0.0.1:${await freePort()}/x.json`
  assertFailure(await run([gone]), /cannot be fetched \(ECONNREFUSED\): check the address/)
})

test('load-movies reports an interrupted download', async (t) => {
  const url = await startServer(t)
  const source = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 1_000_000 })
    response.write(linesOf(makeMovies(3)), () => setTimeout(() => response.destroy(), 50))
  })
  assertFailure(await run([source, '--url', url]), /was cut off \(.+\)\. Nothing is stored yet/)
})

test('load-movies names a server that does not answer, and how to start one', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const failed = await run([fileOf(linesOf(makeMovies(1))), '--url', url])
  assertFailure(failed, /^http:\/\/127\.0\.0\.1:\d+ does not answer \(ECONNREFUSED\): .*npm start/)
  assert.match(failed.out, /; attempt 2 of 3 in 0\.5 s\n.*; attempt 3 of 3 in 1\.0 s\n/)
})

test('load-movies continues once the server is back', async (t) => {
  const { url, server } = await startApp(t)
  const { port } = new URL(url)
  server.close()
  const movies = makeMovies(5)
  const running = run([fileOf(linesOf(movies)), '--url', url], {}, (text) => {
    if (text.includes('attempt 2') && !server.listening) server.listen(Number(port), '127.0.0.1')
  })
  assert.match((await running).out, /: 5 added, 0 replaced$/m)
  assert.deepEqual(await storedMovies(url), inOrder(movies))
})

test('load-movies waits as long as a 429 says', async (t) => {
  let isTooEarly = true
  const url = await serve(t, (_, response) => {
    if (isTooEarly) response.writeHead(429, { 'retry-after': '1' }).end()
    else response.setHeader('content-type', 'application/json').end('{"added":5,"replaced":0}')
    isTooEarly = false
  })
  const { code, out } = await run([fileOf(linesOf(makeMovies(5))), '--url', url])
  assert.equal(code, 0)
  assert.match(out, /answers 429 \(Too Many Requests\); attempt 2 of 3 in 1\.0 s/)
  assert.match(out, /: 5 added, 0 replaced$/m)
})

test('load-movies halves batches that a slow connection cannot send in time', async (t) => {
  const sizes: number[] = []
  const url = await serve(t, async (request, response) => {
    const size = (await text(request)).split('\n').length
    sizes.push(size)
    if (size > 100) return response.writeHead(408).end()
    response.end(`{"added":${size},"replaced":0}`)
  })
  const { code, out } = await run([fileOf(linesOf(makeMovies(700))), '--url', url])
  assert.equal(code, 0)
  assert.match(out, /^500 movies at once take too long to arrive: sending fewer$/m)
  assert.match(out, /: 700 added, 0 replaced$/m)
  // Each attempt costs the server's whole time limit, so none is made twice.
  const [first, ...refused] = sizes.filter((size) => size > 100)
  assert.equal(first, 500)
  assert.equal(refused.length, 2, String(sizes))
})

test('load-movies stops if not even one movie arrives in time', async (t) => {
  const url = await serve(t, (_, response) => response.writeHead(408).end())
  const ended = await run([fileOf(linesOf(makeMovies(3))), '--url', url])
  assertFailure(ended, /^http:\S+: answers 408 \(Request Timeout\)\. Nothing is stored yet$/m)
})

test('load-movies stops if another server answers', async (t) => {
  const file = fileOf(linesOf(makeMovies(1)))
  const other = await serve(t, (_, response) => response.end('<h1>Hello</h1>'))
  assertFailure(
    await run([file, '--url', other]),
    /answers 200 \(this is not onebox: check --url\)/,
  )
  const moved = await serve(t, (_, response) => {
    response.writeHead(301, { location: 'https://example.org/movies' }).end()
  })
  assertFailure(await run([file, '--url', moved]), /it has moved to https:\/\/example\.org\/movies/)
})

test('load-movies ends when nobody reads its output', async (t) => {
  const url = await startServer(t)
  const child = spawn(process.execPath, [
    main,
    'load-movies',
    fileOf(linesOf(makeMovies(3))),
    '--url',
    url,
  ])
  child.stdout.destroy()
  let error = ''
  child.stderr.on('data', (chunk) => {
    error += chunk
  })
  const [code] = await once(child, 'close')
  assert.deepEqual({ code, error }, { code: 141, error: '' })
})

test('the progress of load-movies fits its terminal', () => {
  const standing = { unit: 'movies', done: 1936, fraction: 0.42, seconds: 0.2 }
  assert.equal(standingText(standing), ' 42 %  1,936 movies  9,680/s  0.3 s left')
  const long = { unit: 'movies', done: 123_456_789, fraction: 0.01, seconds: 12_345 }
  for (const columns of [10, 40, 59, 60, 80, 200]) {
    for (const fraction of [undefined, 0, 0.01, 0.5, 1]) {
      const text = stripVTControlCharacters(barText({ ...long, fraction }, columns))
      assert.ok(text.length < columns, `${text.length} of ${columns}: ${text}`)
    }
  }
  assert.match(
    stripVTControlCharacters(barText(standing, 80)),
    /^█{13}░{17} {2}42 % {2}1,936 movies {2}9,680\/s/,
  )
  assert.match(
    stripVTControlCharacters(barText(standing, 40)),
    /^█{5}░{7} {2}42 % {2}9,680\/s {2}0\.3 s left$/,
  )
  assert.equal(standingText({ ...standing, fraction: 0 }), '  0 %  1,936 movies  9,680/s')
  assert.equal(barText({ ...standing, fraction: undefined }, 80), '1,936 movies  9,680/s')
})

/** Movies unlike each other, some with titles that are easily damaged. */
function makeMovies(count: number): Movie[] {
  const titles = ['Amélie', '七人の侍', '👩‍🚀 & "quotes" \\ back', 'الرسالة', 'Tab\tand\nline', 'I']
  return Array.from({ length: count }, (_, index) => ({
    year: 1900 + (index % 130),
    title: `${titles[index % titles.length]} ${index}`,
    info: { rank: index, rating: (index % 70) / 7, actors: ['Ada', 'Zoë'], nested: { none: null } },
  }))
}

function linesOf(movies: Movie[]): string {
  return movies.map((movie) => JSON.stringify(movie)).join('\n')
}

function fileOf(content: string | Buffer): string {
  const file = join(makeDataDir(), 'movies')
  writeFileSync(file, content)
  return file
}

async function storedMovies(url: string): Promise<Movie[]> {
  const movies: Movie[] = []
  for (let next: string | null = '/movies?limit=1000'; next !== null; ) {
    const page = await (await fetch(url + next)).json()
    movies.push(...page.movies)
    next = page.next
  }
  return inOrder(movies)
}

function inOrder(movies: Movie[]): Movie[] {
  return movies.toSorted((a, b) => Number(a.info.rank) - Number(b.info.rank))
}

function run(
  args: string[],
  env?: Record<string, string>,
  onOutput?: (text: string) => void,
): Promise<Ended> {
  return runCommand('load-movies', args, { env, onOutput })
}
