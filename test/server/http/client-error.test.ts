import assert from 'node:assert/strict'
import test from 'node:test'
import { expectAlive } from '../../support/http.ts'
import { converse, rawRequest, sendRaw, statusesOf } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

/** Holds what came back to one answer of that status, in the form of all errors, and an end. */
function expectOneProblem(answer: string, status: number, detail: RegExp) {
  assert.deepEqual(statusesOf(answer), [status], answer)
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  assert.match(head, /\r\nContent-Type: application\/problem\+json(\r\n|$)/)
  assert.match(head, /\r\nConnection: close(\r\n|$)/)
  assert.match(head, /\r\nCache-Control: no-store\r\n/)
  assert.match(head, /\r\nDate: \w{3}, \d{2} \w{3} \d{4} \d\d:\d\d:\d\d GMT(\r\n|$)/)
  const problem = JSON.parse(body)
  assert.equal(problem.status, status)
  assert.match(problem.detail, detail)
}

const garbage: [what: string, bytes: string | Buffer][] = [
  ['no HTTP at all', 'hello\r\n\r\n'],
  ['random bytes', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03])],
  ['a version that is none', 'GET / HTTP/one\r\nHost: onebox\r\n\r\n'],
  ['a method that is none', 'G(T / HTTP/1.1\r\nHost: onebox\r\n\r\n'],
  ['a header without a name', rawRequest('GET /', [': value'])],
  ['a space before the colon', rawRequest('GET /', ['X-Test : value'])],
  ['a NUL in a header', rawRequest('GET /', ['X-Test: a\0b'])],
  ['a control character in the path', rawRequest('GET /\x01')],
]

test('garbage is answered 400 once, and its connection closed', async (t) => {
  const url = await startServer(t)
  for (const [what, bytes] of garbage) {
    await t.test(what, async () => {
      expectOneProblem(await sendRaw(url, bytes), 400, /This is not a valid HTTP\/1\.1 request/)
    })
  }
  await expectAlive(url)
})

const unsupported: [what: string, bytes: string, status: number, detail: RegExp][] = [
  ['an unknown method', rawRequest('BREW /coffee'), 501, /^Unknown method/],
  ['a method in lower case', rawRequest('get /'), 501, /^Unknown method/],
  ['a method that begins as a known one', rawRequest('GETS /'), 501, /^Unknown method/],
  ['a tunnel', rawRequest('CONNECT onebox:80'), 501, /^CONNECT is not supported/],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, /send HTTP\/1\.1$/],
  ['a later version', 'GET / HTTP/3.7\r\nHost: onebox\r\n\r\n', 505, /send HTTP\/1\.1$/],
  ['version 2 on one line', 'GET / HTTP/2.0\r\nHost: onebox\r\n\r\n', 505, /send HTTP\/1\.1$/],
  ['an early version', 'GET / HTTP/0.9\r\nHost: onebox\r\n\r\n', 505, /send HTTP\/1\.1$/],
  ['a path of 17 KB', rawRequest(`GET /${'a'.repeat(17_000)}`), 414, /send a shorter path/],
  ['a query of 100 KB', rawRequest(`GET /?${'a'.repeat(100_000)}`), 414, /send a shorter path/],
]

test('valid but unsupported HTTP is answered with the reason', async (t) => {
  const url = await startServer(t)
  for (const [what, bytes, status, detail] of unsupported) {
    await t.test(`${what} answers ${status}`, async () => {
      expectOneProblem(await sendRaw(url, bytes), status, detail)
    })
  }
  await expectAlive(url)
})

test('an unknown method after a complete request does not affect its answer', async (t) => {
  const url = await startServer(t)
  const answer = await sendRaw(url, rawRequest('GET /echo') + rawRequest('BREW /coffee'))
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*ECHO: GET\n/s)
})

test('a request without a Host, or with two, is answered 400', async (t) => {
  const url = await startServer(t)
  const none = await sendRaw(url, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
  expectOneProblem(none, 400, /Host/)
  const two = await sendRaw(url, rawRequest('GET /', ['Host: other', 'Connection: close']))
  expectOneProblem(two, 400, /Host|not a valid HTTP/)
})

const hosts: [host: string, status: number][] = [
  ['onebox', 200],
  ['onebox:8080', 200],
  ['192.0.2.1:', 200],
  ['[::1]:8080', 200],
  ['[2001:db8::1]', 200],
  ['my_host.example', 200],
  ['', 200],
  ['a b', 400],
  ['user:pw@onebox', 400],
  ['user@onebox', 400],
  ['[::1', 400],
  ['::1', 400],
  ['[::1]x', 400],
  ['onebox:80:80', 400],
  ['onebox:http', 400],
  ['onebox/path', 400],
  ['onebox?query', 400],
  ['http://onebox', 400],
  ['onebox, other', 400],
  ['one"box', 400],
  ['%zz', 400],
  ['\xe9', 400],
]

test('a Host is a host with or without a port (RFC 9112, 3.2)', async (t) => {
  const url = await startServer(t)
  for (const [host, status] of hosts) {
    await t.test(`"${host}" answers ${status}`, async () => {
      const bytes = `GET /echo HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
      const answer = await sendRaw(url, Buffer.from(bytes, 'latin1'))
      assert.deepEqual(statusesOf(answer), [status], answer)
    })
  }
})

const tooLarge: [what: string, bytes: string][] = [
  ['a very long header', rawRequest('GET /', [`X-Test: ${'a'.repeat(17_000)}`])],
  ['very many headers', rawRequest('GET /', Array(5000).fill('X: y'))],
  ['a very long header name', rawRequest('GET /', [`${'X'.repeat(17_000)}: y`])],
]

test('a head over 16 KiB is answered 431 once, and its connection closed', async (t) => {
  const url = await startServer(t)
  for (const [what, bytes] of tooLarge) {
    await t.test(what, async () => {
      expectOneProblem(await sendRaw(url, bytes), 431, /send fewer or shorter headers/)
    })
  }
  await expectAlive(url)
})

test('a head that takes too long is answered 408, and others are served meanwhile', async (t) => {
  const url = await startServer(t, {}, { headersTimeoutMs: 200, requestTimeoutMs: 400 })
  const slow = sendRaw(url, 'GET / HTTP/1.1\r\nHost: one')
  await expectAlive(url)
  expectOneProblem(await slow, 408, /The request took too long to arrive: send it again/)
})

test('garbage after a request is answered after it, not in its place', async (t) => {
  const url = await startServer(t)
  const put = rawRequest('PUT /', ['Content-Length: 5'], 'hello')
  const answer = await sendRaw(url, `${put}garbage\r\n\r\n`)
  assert.ok(['204,400', '204', ''].includes(statusesOf(answer).join()), answer)
})

test('garbage after a request for a stream puts no second answer into it', async (t) => {
  const url = await startServer(t)
  const { socket, until, ended, heard } = await converse(t, url)
  socket.write(rawRequest('GET /events'))
  await until(/data: "dynamic string"/)
  socket.write('garbage\r\n\r\n')
  await ended
  assert.deepEqual(statusesOf(heard()), [200], heard())
})

test('connections over the limit are refused, and those within it go on', async (t) => {
  const url = await startServer(t, { CONNECTION_LIMIT: '1' })
  const first = await converse(t, url)
  first.socket.write(rawRequest('GET /echo'))
  await first.until(/ECHO: GET/)
  const second = await converse(t, url)
  await second.ended
  assert.equal(second.heard(), '')
  first.socket.write(rawRequest('PUT /echo'))
  await first.until(/ECHO: PUT/)
})
