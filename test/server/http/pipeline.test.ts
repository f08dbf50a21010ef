import assert from 'node:assert/strict'
import test from 'node:test'
import { expectAlive, readHeading, send } from '../../support/http.ts'
import { converse, rawRequest, sendRaw, statusesOf } from '../../support/raw.ts'
import { startApp, startServer } from '../../support/server.ts'

const put = (string: string, headers: string[] = []) =>
  rawRequest('PUT /', [...headers, `Content-Length: ${string.length}`], string)
const putBirthday = rawRequest(
  'PUT /hello/Ann',
  ['Content-Type: application/json', 'Content-Length: 29'],
  '{"dateOfBirth": "1990-04-23"}',
)
const last = ['Connection: close']

test('a read after a write on the same connection sees it', async (t) => {
  const url = await startServer(t)
  const requests = [put('one'), rawRequest('GET /'), put('two'), rawRequest('GET /', last)]
  const answer = await sendRaw(url, requests.join(''))
  assert.deepEqual(statusesOf(answer), [204, 200, 204, 200])
  const headings = answer.match(/<h1>[^<]*<\/h1>/g)
  assert.deepEqual(headings, [
    '<h1>The saved string is one</h1>',
    '<h1>The saved string is two</h1>',
  ])
})

test('writes on the same connection are done in order', async (t) => {
  const url = await startServer(t)
  const requests = [
    putBirthday,
    rawRequest('DELETE /hello/Ann'),
    rawRequest('DELETE /hello/Ann'),
    rawRequest('GET /hello/Ann', last),
  ]
  const answer = await sendRaw(url, requests.join(''))
  assert.deepEqual(statusesOf(answer), [204, 204, 404, 404])
})

test('a write whose body is still arriving delays the next requests', async (t) => {
  const url = await startServer(t)
  const { socket, until } = await converse(t, url)
  socket.write(rawRequest('GET /echo') + put('slow').slice(0, -2))
  await until(/ECHO: GET/)
  socket.write(`ow${rawRequest('GET /', last)}`)
  await until(/<h1>The saved string is slow<\/h1>/)
})

test('a write after an answer that closes the connection is not done', async (t) => {
  const url = await startServer(t, {}, { bodyLimitBytes: 5 })
  const answer = await sendRaw(url, put('too long') + put('short'))
  assert.deepEqual(statusesOf(answer), [413])
  assert.equal(await readHeading(url), 'dynamic string')
})

test('a write after the last answer of a drain is not done', async (t) => {
  const { url, dataDir, drain } = await startApp(t, {}, { drainTimeoutMs: 20_000 })
  const { socket, until, ended, heard } = await converse(t, url)
  socket.write(rawRequest('GET /echo'))
  await until(/ECHO/)
  const drained = drain()
  socket.write(put('first') + put('second'))
  await ended
  socket.end()
  await drained
  assert.deepEqual(statusesOf(heard()), [200, 204])
  const next = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  assert.equal(await readHeading(next), 'first')
})

test('as many requests as the limit may wait, and all are answered in their order', async (t) => {
  const url = await startServer(t)
  const strings = Array.from({ length: 64 }, (_, index) => `string-${index}`)
  const requests = strings.map((string) => put(string)).join('')
  const answer = await sendRaw(url, requests + rawRequest('GET /', last))
  assert.deepEqual(statusesOf(answer), [...strings.map(() => 204), 200])
  assert.match(answer, /<h1>The saved string is string-63<\/h1>/)
})

test('a connection with more requests waiting than the limit is closed', async (t) => {
  const url = await startServer(t)
  assert.equal((await send('PUT', url, 'before')).status, 204)
  const answer = await sendRaw(url, rawRequest('GET /').repeat(2000))
  assert.ok(statusesOf(answer).length < 66, answer.slice(0, 200))
  await expectAlive(url)
})
