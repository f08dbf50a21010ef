import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { smoke } from '../../scripts/site/smoke.ts'
import { readHeading, send } from '../support/http.ts'
import { freePort } from '../support/release.ts'
import { type StartedApp, startApp } from '../support/server.ts'
import {
  assertFailure,
  assertUsageError,
  type Passing,
  type ProxyOptions,
  run,
  startProxy,
} from './command.ts'

const token = 'a-token-for-tests'
const authorization = { authorization: `Bearer ${token}` }
const old = `it's <old> & "mine"`

/** A server that others have used already. */
async function startUsed(t: TestContext, env: Record<string, string> = {}): Promise<StartedApp> {
  const app = await startApp(t, { WRITE_TOKEN: token, ...env })
  await send('PUT', app.url, old, { ...authorization, 'content-type': 'text/plain' })
  return app
}

async function assertUntouched({ url, database }: StartedApp, heading = escaped(old)) {
  assert.equal(await readHeading(url), heading)
  assert.equal(countOf('birthdays'), 0)
  assert.equal(countOf('movies'), 0)

  function countOf(table: string) {
    return database.read.prepare(`SELECT count(*) FROM ${table}`).pluck().get()
  }
}

function escaped(text: string): string {
  const html: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }
  return text.replace(/[&<>"']/g, (sign) => `&${html[sign]};`)
}

test('a good site passes every check and is unchanged afterwards', async (t) => {
  const app = await startUsed(t, { WRITES_PER_MINUTE: '60' })
  const { code, out, error } = await run('smoke', ['--url', app.url], {
    env: { WRITE_TOKEN: token },
  })
  assert.deepEqual({ code, error }, { code: 0, error: '' })
  assert.match(out, /^→ Checking http:.*\n(✓ .* \d+ ms\n){13}→ All 13 checks passed\n$/)
  await assertUntouched(app)
})

test('a good site of two workers passes, and the new string is read from each', async (t) => {
  const { app, choose } = await startTwo(t)
  const asked = new Set<string>()
  const base = await startProxy(t, app.url, {
    choose,
    spoil({ what, origin, body }) {
      if (what === 'GET /' && body.includes('smoke test')) asked.add(origin)
    },
  })
  assert.deepEqual(await problems(base), [])
  assert.equal(asked.size, 2)
  await assertUntouched(app)
})

test('--json prints the outcome as JSON, --read-only needs no token', async (t) => {
  const app = await startUsed(t)
  const { code, out } = await run('smoke', ['--url', app.url, '--json', '--read-only'])
  const outcome = JSON.parse(out)
  assert.equal(code, 0)
  assert.equal(outcome.url, app.url)
  assert.equal(outcome.ok, true)
  assert.equal(outcome.checks.length, 7)
  assert.deepEqual(Object.keys(outcome.checks[0]), ['name', 'ok', 'ms'])
})

test('a site without a token is checked without one', async (t) => {
  const app = await startApp(t)
  assert.deepEqual(await problems(app.url, {}), [])
  await assertUntouched(app, 'dynamic string')
})

test('without the token the checks fail with a cure and change nothing', async (t) => {
  const app = await startUsed(t)
  const ended = await run('smoke', ['--url', app.url])
  assertFailure(ended, /^5 of 12 checks of http.* failed: set WRITE_TOKEN, or add --read-only$/m)
  assert.match(ended.out, /^✗ a movie is added.*\n {2}POST \/movies answers 401 \(.*\), not 201$/m)
  await assertUntouched(app)
})

const page = (change: (body: string) => string) => (passing: Passing) => {
  if (passing.what === 'GET /' && passing.status === 200) passing.body = change(passing.body)
}

const answer = (what: RegExp, change: (passing: Passing) => void) => (passing: Passing) => {
  if (what.test(passing.what)) change(passing)
}

const drop = (what: RegExp, header: string) => answer(what, ({ headers }) => delete headers[header])

const lacks = (header: string): ProxyOptions['spoilRequest'] => {
  return (request) => delete request.headers[header]
}

const wrongs: [what: string, options: ProxyOptions, problem: RegExp][] = [
  ['two headings', { spoil: page((body) => `${body}<h1>x</h1>`) }, /GET \/ has 2 headings/],
  ['a page without a string', { spoil: page(() => '<h1>Hi</h1>') }, /1 headings, not just its one/],
  ['a 500 page', { spoil: answer(/^GET \/$/, (a) => (a.status = 500)) }, /GET \/ answers 500.*200/],
  ['no ETag', { spoil: drop(/^GET \/$/, 'etag') }, /GET \/ has etag: none/],
  ['no 304', { spoilRequest: lacks('if-none-match') }, /GET \/ answers 200 \(OK\), not 304/],
  ['no policy', { spoil: drop(/./, 'content-security-policy') }, /content-security-policy: none/],
  ['no nosniff', { spoil: drop(/./, 'x-content-type-options') }, /x-content-type-options: none/],
  ['no request id', { spoil: drop(/./, 'x-request-id') }, /x-request-id: none/],
  [
    'CORS for everyone',
    { spoil: answer(/./, ({ headers }) => (headers['access-control-allow-origin'] = '*')) },
    /access-control-allow-origin: \*/,
  ],
  [
    'a failing worker',
    { spoil: answer(/healthz/, (a) => (a.body = a.body.replace('"ok"', '"failing"'))) },
    /\/healthz is not ok/,
  ],
  [
    'two releases at once',
    {
      spoil: answer(/healthz/, (a) => {
        a.body = a.body.replace('"workers":[', '"workers":[{"worker":"0","release":"old"},')
      }),
    },
    /several releases: old, dev/,
  ],
  [
    'a rejected deployment',
    {
      spoil: answer(/healthz/, (a) => {
        a.body = a.body.replace('{', '{"deploy":{"status":"rejected","reason":"canary: no"},')
      }),
    },
    /the last deployment is rejected: canary: no/,
  ],
  [
    'a worker out of reach',
    {
      spoil: answer(/healthz/, (a) => {
        a.body = a.body.replace('"workers":[', '"workers":[{"worker":"9","release":"dev"},')
      }),
    },
    /no connection reaches worker 9/,
  ],
  [
    'an echo of GET alone',
    { spoil: answer(/echo/, (a) => (a.body = 'ECHO: GET\n')) },
    /POST \/echo answers "ECHO: GET\\n"/,
  ],
  ['no PATCH', { spoil: answer(/^PATCH/, (a) => (a.status = 405)) }, /PATCH \/echo answers 405/],
  ['no contract', { spoil: answer(/openapi/, (a) => (a.body = '{}')) }, /is not the contract/],
  ['no docs', { spoil: answer(/docs/, (a) => (a.status = 404)) }, /GET \/docs answers 404/],
  [
    'errors in HTML',
    {
      spoil: answer(/^GET \/[a-z]{20}$/, ({ headers }) => {
        headers['content-type'] = 'text/html'
      }),
    },
    /content-type: text\/html, not like .*problem/,
  ],
  [
    'errors without detail',
    { spoil: answer(/year=soon/, (a) => (a.body = '{"title":"Bad","status":400}')) },
    /gives no title, status and detail/,
  ],
  ['no Allow', { spoil: drop(/^POST \/healthz/, 'allow') }, /POST \/healthz has allow: none/],
  ['empty metrics', { spoil: answer(/metrics/, (a) => (a.body = '')) }, /no onebox_http_requests/],
  [
    'writes for everyone',
    { spoilRequest: ({ headers }) => Object.assign(headers, authorization) },
    /PUT \/ answers 412 .*, not 401/,
  ],
  [
    'writes for everyone, without If-Match',
    {
      spoilRequest({ headers }) {
        Object.assign(headers, authorization)
        delete headers['if-match']
      },
    },
    /PUT \/ answers 204.*, not 401/,
  ],
  ['no challenge', { spoil: drop(/./, 'www-authenticate') }, /has www-authenticate: none/],
  [
    'any content type',
    {
      spoilRequest: ({ headers }) =>
        headers['content-type']?.startsWith('image') && delete headers['content-type'],
    },
    /PUT \/ answers 412 .*, not 415/,
  ],
  ['writes over newer ones', { spoilRequest: lacks('if-match') }, /PUT \/ answers 204.*, not 412/],
  [
    'a string unescaped',
    { spoil: page((body) => body.replaceAll('&amp;amp;', '&amp;')) },
    /worker 0 shows .* after PUT \/ of/,
  ],
  [
    'a greeting that counts wrongly',
    { spoil: answer(/^GET \/hello/, (a) => (a.body = a.body.replace(/in \d+/, 'in 7'))) },
    /the greeting is "Hello, [a-z]{24}! Your birthday is in 7 day/,
  ],
  [
    'a birthday that stays',
    { spoil: answer(/^GET \/hello/, (a) => (a.status = 200)) },
    /GET \/hello\/[a-z]{24} answers 200 .*, not 404/,
  ],
  ['no 201', { spoil: answer(/^POST \/m/, (a) => (a.status = 200)) }, /POST \/movies answers 200/],
  ['no Location', { spoil: drop(/^POST \/movies/, 'location') }, /has location: none/],
  [
    'a list without the movie',
    { spoil: answer(/limit=1000/, (a) => (a.body = '{"movies":[],"next":null}')) },
    /the list of 9999 lacks the new movie/,
  ],
]

test('the smoke test finds each fault, and leaves everything as it was', async (t) => {
  const app = await startUsed(t)
  for (const [what, options, expected] of wrongs) {
    await t.test(what, async (t) => {
      const found = await problems(await startProxy(t, app.url, options))
      assert.ok(
        found.some((problem) => expected.test(problem)),
        `${expected} is not in:\n${found.join('\n')}`,
      )
      await assertUntouched(app)
    })
  }
})

test('the smoke test finds a worker that shows an old string', async (t) => {
  const { app, other, choose } = await startTwo(t)
  const before = await (await fetch(app.url)).text()
  const base = await startProxy(t, app.url, {
    choose,
    spoil(passing) {
      if (passing.what === 'GET /' && passing.origin === other.url) passing.body = before
    },
  })
  assert.match((await problems(base)).join('\n'), /worker 1 shows "it's <old>.* after PUT/)
  await assertUntouched(app)
})

test('a string that another user sets during the smoke test is kept', async (t) => {
  const app = await startUsed(t)
  let isSet = false
  const base = await startProxy(t, app.url, {
    async spoil({ what, sent, status }) {
      if (what !== 'PUT /' || status !== 204 || !sent.includes('smoke') || isSet) return
      isSet = true
      await send('PUT', app.url, 'theirs', authorization)
    },
  })
  assert.deepEqual(await problems(base), [])
  await assertUntouched(app, 'theirs')
})

test("a string that another user sets just before the smoke test's own is restored", async (t) => {
  const app = await startUsed(t)
  let isSet = false
  const base = await startProxy(t, app.url, {
    async spoil({ what }) {
      const isLast = what === 'GET /metrics' || what.includes('healthz')
      if (isSet || isLast || what !== 'GET /') return
      isSet = true
      await send('PUT', app.url, 'theirs', authorization)
    },
  })
  assert.deepEqual(await problems(base), [])
  await assertUntouched(app, 'theirs')
})

test('the smoke test waits when the rate limit says so', async (t) => {
  const app = await startUsed(t)
  let isLimited = false
  const base = await startProxy(t, app.url, {
    spoil(passing) {
      if (passing.what !== 'POST /movies' || isLimited) return
      Object.assign(passing, { status: 429, headers: { 'retry-after': '1' } })
      isLimited = true
    },
    spoilRequest(request) {
      // Refused, for nothing to be written the first time.
      if (request.url === '/movies' && !isLimited) request.headers['sec-fetch-site'] = 'cross-site'
    },
  })
  assert.deepEqual(await problems(base), [])
  assert.equal(isLimited, true)
  await assertUntouched(app)
})

test('Ctrl-C during a check still undoes everything', async (t) => {
  const app = await startUsed(t)
  for (const change of [/^PUT \/$/, /^PUT \/hello/, /^POST \/movies/]) {
    const { promise: signal, resolve } = Promise.withResolvers<NodeJS.Signals>()
    const base = await startProxy(t, app.url, {
      async spoil({ what, status }) {
        if (!change.test(what) || (status !== 204 && status !== 201)) return
        resolve('SIGINT')
        await new Promise((done) => setTimeout(done, 300))
      },
    })
    const options = { env: { WRITE_TOKEN: token }, signal }
    const { code, out } = await run('smoke', ['--url', base], options)
    assert.equal(code, 130)
    assert.match(out, /^✗ .*\n {2}interrupted$/m)
    await assertUntouched(app)
  }
})

test('a string that cannot be restored is printed', async (t) => {
  const app = await startUsed(t)
  const base = await startProxy(t, app.url, {
    spoil(passing) {
      if (passing.what === 'PUT /' && passing.sent.toString() === old) passing.status = 412
    },
    spoilRequest(request) {
      if (
        request.method === 'PUT' &&
        request.url === '/' &&
        request.headers['content-length'] === String(old.length)
      ) {
        request.headers['if-match'] = '"never"'
      }
    },
  })
  const [problem] = await problems(base)
  assert.match(problem ?? '', /PUT \/ cannot restore the old string "it's <old> .*by hand/)
})

test('a site that does not answer and invalid arguments fail in one line', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const unreachable = /^http:.* does not answer \(ECONNREFUSED\): start onebox, or check/
  assertFailure(await run('smoke', ['--url', url]), unreachable)
  assertUsageError(await run('smoke', []), /^Which site\? Add --url http/)
  assertUsageError(await run('smoke', ['--url', 'x']), /^--url must be like http:.*"x"/)
  assertUsageError(await run('smoke', ['--quick']), /^Unknown option --quick: .*--help lists them/)
})

async function problems(base: string, given: { token?: string } = { token }): Promise<string[]> {
  const outcomes = await smoke({ base, token: given.token })
  return outcomes.flatMap(({ name, problem }) =>
    problem === undefined ? [] : `${name}: ${problem}`,
  )
}

/** Two workers on the same data; each new connection goes to the other one, and stays there. */
async function startTwo(t: TestContext) {
  const app = await startUsed(t)
  const env = { WRITE_TOKEN: token, DATA_DIR: app.dataDir, NODE_APP_INSTANCE: '1' }
  const other = await startApp(t, env)
  const urls = new Map<number, string>()
  return { app, other, choose }

  function choose(port: number): string {
    const url = urls.get(port) ?? [app, other][urls.size % 2]?.url
    urls.set(port, url as string)
    return url as string
  }
}
