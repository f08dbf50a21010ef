import assert from 'node:assert/strict'
import test from 'node:test'
import { freePort } from '../support/release.ts'
import { type StartedApp, startApp } from '../support/server.ts'
import { assertFailure, assertUsageError, run, serve, startProxy } from './command.ts'

const token = 'a-token-for-tests'
const env = { WRITE_TOKEN: token }
const brief = ['--seconds', '1', '--connections', '4']

function birthdays({ database }: StartedApp): unknown {
  return database.read.prepare('SELECT count(*) FROM birthdays').pluck().get()
}

test('load prints the rate, and only reads without a token', async (t) => {
  const app = await startApp(t)
  const { code, out, error } = await run('load', ['--url', app.url, ...brief])
  assert.deepEqual({ code, error }, { code: 0, error: '' })
  assert.match(out, /^→ Loading http:.*: 4 connections, 1\.0 s, reading only$/m)
  assert.match(
    out,
    /^→ [\d,]+ requests in \d[^:]*: [\d,]+\/s\n {2}p50 .* ms {2}p90 .* max [\d.]+ ms\n$/m,
  )
})

test('load saves birthdays with a token, and deletes each of them', async (t) => {
  const app = await startApp(t, env)
  const { code, out } = await run('load', ['--url', app.url, ...brief, '--json'], { env })
  const report = JSON.parse(out)
  const { p50, p90, p99, max } = report.milliseconds
  assert.equal(code, 0)
  assert.deepEqual(report.failures, {})
  assert.ok(report.saved.length > 0)
  assert.ok(report.requests > 0 && p50 <= p90 && p90 <= p99 && p99 <= max && p50 > 0)
  assert.match(await (await fetch(`${app.url}/healthz`)).text(), /"ok"/)
  assert.equal(birthdays(app), 0)
  const metrics = await fetch(`${app.url}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  })
  assert.match(await metrics.text(), /route="\/hello\/{username}",method="PUT",status="204"} [1-9]/)
})

test('load counts rate-limited writes separately, and does not fail for them', async (t) => {
  const counts: Record<string, number> = {}
  const url = await serve(t, ({ method = '' }, response) => {
    counts[method] = (counts[method] ?? 0) + 1
    const isLimited = method !== 'GET' && counts[method] % 2 === 0
    if (isLimited) response.writeHead(429, { 'retry-after': '1' })
    else response.writeHead(method === 'GET' ? 200 : 204)
    response.end()
  })
  const args = ['--url', url, '--seconds', '2', '--connections', '4', '--writes', '--json']
  const { code, out } = await run('load', args)
  const report = JSON.parse(out)
  assert.equal(code, 0)
  assert.deepEqual(report.failures, {})
  assert.ok(report.limited > 0 && report.limited < 10, `${report.limited} in two seconds`)
  assert.equal(counts.DELETE, report.saved.length * 2 - 1)
})

test('load stops cleanly at Ctrl-C', async (t) => {
  const app = await startApp(t, env)
  const { promise: signal, resolve } = Promise.withResolvers<NodeJS.Signals>()
  const base = await startProxy(t, app.url, {
    spoil({ what, status }) {
      if (what.startsWith('PUT') && status === 204) resolve('SIGINT')
    },
  })
  const args = ['--url', base, '--seconds', '100', '--connections', '4']
  const { code, out } = await run('load', args, { env, signal })
  assert.equal(code, 130)
  assert.match(out, /→ Deleting \d+ birthdays\n→ /)
  assert.equal(birthdays(app), 0)
})

test('load reports failed requests, fails, and backs off from a busy server', async (t) => {
  let requests = 0
  const url = await serve(t, ({ url: path }, response) => {
    if (path === '/healthz') return response.end('{}')
    requests += 1
    if (requests % 2 === 0) return response.destroy()
    response.writeHead(503, { 'retry-after': '1' }).end()
  })
  const failed = await run('load', ['--url', url, ...brief])
  assertFailure(failed, /^\d+ of \d+ requests failed: try fewer --connections/)
  assert.match(failed.out, /^ {2}\d+ × GET \/ answered 503$/m)
  assert.match(failed.out, /^ {2}\d+ × ECONNRESET$/m)
  assert.ok(requests < 100, `${requests} requests of four connections in a second`)
})

test('load fails if the p99 is above --p99-ms', async (t) => {
  const url = await serve(t, (_, response) => setTimeout(() => response.end(), 20))
  const slow = await run('load', ['--url', url, ...brief, '--p99-ms', '10'])
  assertFailure(slow, /^p99 is [\d.]+ ms, over --p99-ms 10: try fewer --connections/)
  const { code } = await run('load', ['--url', url, ...brief, '--p99-ms', '10000'])
  assert.equal(code, 0)
})

test('load names the birthdays that it could not delete', async (t) => {
  const url = await serve(t, ({ method }, response) => {
    response.writeHead(method === 'GET' ? 200 : method === 'PUT' ? 204 : 500).end()
  })
  const failed = await run('load', ['--url', url, ...brief, '--writes'])
  assertFailure(failed, /^These birthdays are left over: DELETE \/hello\/\{[a-z,]{24,}\} by hand/)
})

const refusals: [args: string[], error: RegExp][] = [
  [[], /^Which site\? Add --url/],
  [
    ['--url', 'http://192.0.2.1'],
    /^192\.0\.2\.1 is not this machine: add --mine 192\.0\.2\.1 if it/,
  ],
  [
    ['--url', 'http://192.0.2.1', '--mine', '192.0.2.2'],
    /^--mine must be \S+ as in --url, got "192\.0\.2\.2"$/m,
  ],
  [['--url', 'http://localhost.example.com'], /^localhost\.example\.com is not this machine/],
  [['--url', 'http://127.0.0.1.example.com'], /is not this machine/],
  [['--url', 'http://[2001:db8::1]'], /^\[2001:db8::1\] is not this machine/],
  [['--url', 'http://127.0.0.1@192.0.2.1'], /^--url must be like/],
  [
    ['--url', 'http://127.0.0.1', '--mine', '192.0.2.2'],
    /^--mine must be \S+ as in --url, got "192\.0\.2\.2"$/m,
  ],
  [['--url', 'http://127.0.0.1', '--connections', '201'], /--connections must be .* 1 to 200/],
  [['--url', 'http://127.0.0.1', '--seconds', '301'], /--seconds must be an integer from 1 to 300/],
  [['--url', 'http://127.0.0.1', '--p99-ms', 'x'], /--p99-ms must be an integer/],
  [['--user', 'x'], /^Unknown option --user: npx onebox load --help lists them/],
]

test('load rejects hosts without --mine, and values beyond its limits', async () => {
  for (const [args, error] of refusals) assertUsageError(await run('load', args), error)
  const url = `http://127.0.0.1:${await freePort()}`
  for (const own of [
    ['--url', url],
    ['--url', url, '--mine', '127.0.0.1'],
  ]) {
    const unreachable = /^http:.* does not answer \(ECONNREFUSED\): start onebox, or check/
    assertFailure(await run('load', own), unreachable)
  }
})
