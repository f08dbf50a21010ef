import assert from 'node:assert/strict'
import test from 'node:test'
import SQLite from 'better-sqlite3'
import { expectAlive, expectProblem, send, sendJson } from '../../support/http.ts'
import { rawRequest, sendRaw, statusesOf } from '../../support/raw.ts'
import { startApp, startServer } from '../../support/server.ts'

const get = (url: string, headers: Record<string, string>) => fetch(`${url}/echo`, { headers })

test('every answer, successful or not, has its own id and nosniff', async (t) => {
  const url = await startServer(t)
  const ids = new Set<string | null>()
  for (const path of ['/', '/echo', '/nothing', '/hello/1', '/movies', '/docs', '/events']) {
    const response = await send(path === '/events' ? 'HEAD' : 'GET', url + path)
    assert.match(response.headers.get('x-request-id') ?? '', /^[\w-]{10,40}$/)
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(response.headers.get('access-control-allow-origin'), null)
    assert.equal(response.headers.get('x-powered-by'), null)
    ids.add(response.headers.get('x-request-id'))
  }
  assert.equal(ids.size, 7)
})

test('every answer to a read says whether it may be kept', async (t) => {
  const url = await startServer(t)
  const pages = ['/', '/docs', '/status', '/openapi.json']
  const others = ['/events', '/movies', '/echo', '/healthz', '/metrics', '/nothing', '/hello/Ann']
  for (const path of [...pages, ...others]) {
    const { headers } = await send('HEAD', url + path)
    const wanted = pages.includes(path) ? 'no-cache' : 'no-store'
    assert.equal(headers.get('cache-control'), wanted, path)
  }
})

test('X-Request-Id is kept if it is valid, and replaced otherwise', async (t) => {
  const url = await startServer(t)
  const answered = async (id: string) =>
    (await get(url, { 'x-request-id': id })).headers.get('x-request-id')
  for (const id of ['a', '0af7651916cd43dd', 'A.b:c_d-e', 'x'.repeat(64)]) {
    assert.equal(await answered(id), id)
  }
  for (const id of ['', 'x'.repeat(65), 'two words', '"}', '<script>', 'é', 'a,b']) {
    assert.notEqual(await answered(id), id)
  }
  const twice = rawRequest('GET /echo', ['X-Request-Id: a', 'X-Request-Id: b', 'Connection: close'])
  assert.match(await sendRaw(url, twice), /\r\nX-Request-Id: [\w-]{10,}\r\n/)
})

const trace = '0af7651916cd43dd8448eb211c80319c'
const span = 'b7ad6b7169203331'

test('traceparent is answered with the same trace and a new span', async (t) => {
  const url = await startServer(t)
  const { headers } = await get(url, { traceparent: `00-${trace}-${span}-01` })
  assert.match(headers.get('traceparent') ?? '', new RegExp(`^00-${trace}-[\\da-f]{16}-01$`))
  assert.ok(!headers.get('traceparent')?.includes(span))
})

test('an invalid traceparent is ignored', async (t) => {
  const url = await startServer(t)
  const zero = (length: number) => '0'.repeat(length)
  const bad = [`00-${zero(32)}-${span}-01`, `00-${trace}-${zero(16)}-01`, `ff-${trace}-${span}-01`]
  const worse = [`00-${trace.toUpperCase()}-${span}-01`, `00-${trace}-${span}`, 'garbage', '']
  for (const traceparent of [...bad, ...worse]) {
    assert.equal((await get(url, { traceparent })).headers.get('traceparent'), null, traceparent)
  }
})

test('a bug is answered 500 without details, logged in full, and the worker goes on', async (t) => {
  const { url, dataDir, readLog } = await startApp(t)
  const database = new SQLite(`${dataDir}/onebox.db`)
  database.exec('DROP TABLE birthdays')
  database.close()
  const birthday = { dateOfBirth: '1990-04-23' }
  const internal = /^Internal error; the log has it under this request id$/
  const read = await fetch(`${url}/hello/Ann`, { headers: { 'x-request-id': 'the-read' } })
  const write = await sendJson('PUT', `${url}/hello/Ann`, birthday, { 'x-request-id': 'the-write' })
  for (const response of [read, write]) {
    const { detail } = await expectProblem(response, 500, internal)
    assert.doesNotMatch(detail, /birthdays|table|Ann|1990/)
  }
  const lines = (await readLog()).split('\n')
  for (const id of ['the-read', 'the-write']) {
    const line = lines.find((text) => text.includes(`"id":"${id}"`) && text.includes('"error"'))
    assert.match(line ?? '', /"level":"error".*no such table: birthdays/)
    assert.doesNotMatch(line ?? '', /Ann|1990-04-23/)
  }
  await expectAlive(url)
})

test('an unknown upgrade is ignored and the request answered', async (t) => {
  const url = await startServer(t)
  for (const protocol of ['h2c', 'websocket']) {
    const headers = ['Connection: Upgrade, close', `Upgrade: ${protocol}`]
    const answer = await sendRaw(url, rawRequest('GET /echo', headers))
    assert.deepEqual(statusesOf(answer), [200], answer)
  }
})

test('HTTP/1.0 is answered and its connection closed', async (t) => {
  const url = await startServer(t)
  const answer = await sendRaw(url, 'GET /echo HTTP/1.0\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*ECHO: GET\n$/s)
  assert.doesNotMatch(answer, /chunked/i)
})
