import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { eventually } from '../../support/eventually.ts'
import { expectAlive, expectProblem, readHeading, send } from '../../support/http.ts'
import { converse, rawRequest, sendRaw, statusesOf } from '../../support/raw.ts'
import { startApp, startServer } from '../../support/server.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const mebibyte = 2 ** 20
const plain = { 'content-type': 'text/plain' }

/** A body of unknown length, which goes out in chunks. */
function sendChunked(url: string, chunks: (string | Buffer)[]): Promise<Response> {
  const body = Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
  return fetch(url, { method: 'PUT', body, duplex: 'half' } as unknown as RequestInit)
}

const types: [what: string, type: string, status: number][] = [
  ['text in UTF-8', 'text/plain; charset=utf-8', 204],
  ['text in UTF-8, written otherwise', 'TEXT/PLAIN;format=flowed;  CharSet="UTF-8"', 204],
  ['text in another character set', 'text/plain; charset=iso-8859-1', 415],
  ['text in UTF-16', 'text/plain; charset=utf-16', 415],
  ['a page', 'text/html', 415],
  ['a multipart form', 'multipart/form-data; boundary=x', 415],
  ['JSON of another kind', 'application/ld+json', 415],
  ['bytes', 'application/octet-stream', 415],
  ['no type at all', 'garbage', 415],
]

test('PUT / takes UTF-8 of the types it knows, and answers 415 to others', async (t) => {
  const url = await startServer(t)
  for (const [what, type, status] of types) {
    await t.test(`${what} answers ${status}`, async () => {
      const before = await readHeading(url)
      const response = await send('PUT', url, Buffer.from(what), { 'content-type': type })
      if (status === 204) assert.equal(response.status, 204)
      else await expectProblem(response, 415, /^The Content-Type must be .* got "|send UTF-8$/)
      assert.equal(await readHeading(url), status === 204 ? what : before)
    })
  }
})

test('PUT /hello/{username} answers 415 without a type, naming the supported one', async (t) => {
  const url = await startServer(t)
  const body = Buffer.from('{"dateOfBirth": "1990-04-23"}')
  const response = await send('PUT', `${url}/hello/Ann`, body)
  assert.equal(response.headers.get('accept'), 'application/json')
  await expectProblem(
    response,
    415,
    /^The Content-Type must be application\/json: got no Content-Type$/,
  )
  await expectProblem(await fetch(`${url}/hello/Ann`), 404, /No birthday/)
})

test('a compressed body is answered 415 and not stored as text', async (t) => {
  const url = await startServer(t)
  const encoded = { ...plain, 'content-encoding': 'gzip' }
  const response = await send('PUT', url, gzipSync('hello'), encoded)
  assert.equal(response.headers.get('accept-encoding'), 'identity')
  await expectProblem(response, 415, /gzip/)
  await expectProblem(await send('PUT', url, 'not even gzip', encoded), 415, /gzip/)
  assert.equal(await readHeading(url), 'dynamic string')
})

const unclean: [what: string, body: Buffer, detail: RegExp][] = [
  ['Latin-1', Buffer.from('é', 'latin1'), /The body is not valid UTF-8: encode it as UTF-8/],
  ['an overlong slash', Buffer.from([0xc0, 0xaf]), /not valid UTF-8/],
  ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80]), /not valid UTF-8/],
  ['half a character', Buffer.from('€').subarray(0, 2), /not valid UTF-8/],
  ['a character beyond Unicode', Buffer.from([0xf4, 0x90, 0x80, 0x80]), /not valid UTF-8/],
  ['a NUL', Buffer.from('a\0b'), /^The (body|string) contains a NUL character: remove it$/],
]

test('PUT / answers 400, and changes nothing, for a body that holds', async (t) => {
  const url = await startServer(t)
  for (const [what, body, detail] of unclean) {
    await t.test(what, async () => {
      await expectProblem(await send('PUT', url, body, plain), 400, detail)
      await expectProblem(
        await sendChunked(
          url,
          [...body].map((b) => Buffer.of(b)),
        ),
        400,
        detail,
      )
    })
  }
  assert.equal(await readHeading(url), 'dynamic string')
})

test('a byte order mark at the start of a body is removed, as editors add one', async (t) => {
  const url = await startServer(t)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
    const body = type.endsWith('json') ? JSON.stringify({ string: type }) : type
    const headers = { 'content-type': type }
    assert.equal((await send('PUT', url, Buffer.from(`\ufeff${body}`), headers)).status, 204)
    assert.equal(await readHeading(url), type)
  }
  const birthday = Buffer.from('\ufeff{"dateOfBirth": "1990-04-23"}')
  const headers = { 'content-type': 'application/json' }
  assert.equal((await send('PUT', `${url}/hello/Ann`, birthday, headers)).status, 204)
})

test('a request without a length and without a body has an empty body', async (t) => {
  const url = await startServer(t)
  const json = 'Content-Type: application/json'
  const lines = 'Content-Type: application/x-ndjson'
  const requests: [line: string, headers: string[], status: number][] = [
    ['PUT /', [], 204],
    ['PUT /', ['Content-Type: text/plain'], 204],
    ['PUT /', [json], 400],
    ['PUT /hello/Ann', [], 400],
    ['PUT /hello/Ann', [json], 400],
    ['POST /movies', [], 400],
    ['POST /movies', [json], 400],
    ['POST /movies', [lines], 200],
    ['DELETE /hello/Ann', [], 404],
    ['PATCH /echo', [], 200],
  ]
  for (const [line, headers, status] of requests) {
    for (const version of ['1.0', '1.1']) {
      for (const length of [[], ['Content-Length: 0']]) {
        await send('PUT', url, 'full')
        const head = [...headers, ...length, 'Host: onebox', 'Connection: close'].join('\r\n')
        const answer = await sendRaw(url, `${line} HTTP/${version}\r\n${head}\r\n\r\n`)
        assert.deepEqual(statusesOf(answer), [status], `${line} ${head}: ${answer}`)
        if (headers[0] === lines) assert.match(answer, /\{"added":0,"replaced":0\}$/)
        assert.equal(await readHeading(url), status === 204 ? '' : 'full')
      }
    }
  }
})

test('a client that sends no body does not hold up a drain', async (t) => {
  const { url, drain } = await startApp(t, {}, { drainTimeoutMs: 20_000 })
  const { socket, until, ended } = await converse(t, url)
  socket.write(rawRequest('PUT /', ['Connection: close']))
  await until(/HTTP\/1\.1 204 /)
  await ended
  socket.end()
  await drain()
})

/** What is alive in this process, in bytes. */
function bytesInUse(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

test('a body in one-byte chunks takes little more memory than its size', async (t) => {
  const { url, server } = await startApp(t)
  const size = 200_000
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  const { socket, until } = await converse(t, url)
  const head = rawRequest('PUT /', ['Transfer-Encoding: chunked'])
  const chunks = '1\r\na\r\n'.repeat(size)
  const before = bytesInUse()
  socket.write(head + chunks)
  await eventually(async () => sockets[0]?.bytesRead === head.length + chunks.length)
  const held = bytesInUse() - before
  assert.ok(held < 20 * size, `${held} bytes are held for a body of ${size}`)
  socket.write('0\r\n\r\n')
  await until(/HTTP\/1\.1 204 /)
  assert.equal((await readHeading(url)).length, size)
})

test('many bodies in one-byte chunks at once all arrive whole', async (t) => {
  const url = await startServer(t)
  const bodies = Array.from({ length: 10 }, (_, index) => String(index).repeat(5000 + index))
  const answers = bodies.map((body) => {
    const chunks = body.replace(/./g, '1\r\n$&\r\n')
    const headers = ['Transfer-Encoding: chunked', 'Connection: close']
    return sendRaw(url, rawRequest('PUT /', headers, `${chunks}0\r\n\r\n`))
  })
  for (const answer of await Promise.all(answers)) assert.deepEqual(statusesOf(answer), [204])
  assert.ok(bodies.includes(await readHeading(url)))
})

test('a partial PUT is refused, as it would replace the whole string', async (t) => {
  const url = await startServer(t)
  const headers = { 'content-range': 'bytes 0-4/10' }
  await expectProblem(
    await send('PUT', url, 'hello', headers),
    400,
    /^Content-Range is not supported: send the whole body/,
  )
  const json = { ...headers, 'content-type': 'application/json' }
  const birthday = '{"dateOfBirth": "1990-04-23"}'
  await expectProblem(
    await send('PUT', `${url}/hello/Ann`, birthday, json),
    400,
    /^Content-Range is not supported/,
  )
  assert.equal(await readHeading(url), 'dynamic string')
})

test('a transfer coding other than chunked is answered 501, and nothing is stored', async (t) => {
  const url = await startServer(t)
  const body = '5\r\nhello\r\n0\r\n\r\n'
  for (const coding of ['gzip, chunked', 'deflate, chunked', 'x, chunked', 'identity, chunked']) {
    const answer = await sendRaw(url, rawRequest('PUT /', [`Transfer-Encoding: ${coding}`], body))
    assert.deepEqual(statusesOf(answer), [501], answer)
    assert.match(answer, /\r\nConnection: close\r\n/)
  }
  const shouted = ['Transfer-Encoding: Chunked', 'Connection: close']
  assert.deepEqual(statusesOf(await sendRaw(url, rawRequest('PUT /echo', shouted, body))), [200])
  assert.equal(await readHeading(url), 'dynamic string')
})

test('chunks over HTTP/1.0 are answered 400', async (t) => {
  const url = await startServer(t)
  const head = 'PUT / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked'
  const answer = await sendRaw(url, `${head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)
  assert.deepEqual(statusesOf(answer), [400], answer)
  assert.match(answer, /\r\nConnection: close\r\n/)
  assert.equal(await readHeading(url), 'dynamic string')
})

test('a character split over two chunks is put together', async (t) => {
  const url = await startServer(t)
  const euro = Buffer.from('€')
  assert.equal((await sendChunked(url, [euro.subarray(0, 1), euro.subarray(1)])).status, 204)
  assert.equal(await readHeading(url), '€')
})

test('a body of exactly the limit is accepted, with and without Content-Length', async (t) => {
  const url = await startServer(t)
  const body = 'a'.repeat(mebibyte)
  assert.equal((await send('PUT', url, body)).status, 204)
  assert.equal((await sendChunked(url, [body])).status, 204)
  assert.equal((await readHeading(url)).length, mebibyte)
})

test('a body over the limit is answered 413, and its connection closed', async (t) => {
  const url = await startServer(t)
  const body = 'a'.repeat(mebibyte + 1)
  for (const response of [await send('PUT', url, body), await sendChunked(url, [body])]) {
    assert.equal(response.headers.get('connection'), 'close')
    await expectProblem(response, 413, /^The body is larger than 1048576 bytes: send less$/)
  }
  assert.equal(await readHeading(url), 'dynamic string')
  await expectAlive(url)
})

test('a body announced as over the limit is answered 413 before any of it is sent', async (t) => {
  const url = await startServer(t)
  const lengths = ['1048577', '9007199254740993', '18446744073709551615']
  const requests = lengths.map((length) => rawRequest('PUT /', [`Content-Length: ${length}`]))
  for (const answer of await Promise.all(requests.map((bytes) => sendRaw(url, bytes)))) {
    assert.deepEqual(statusesOf(answer), [413], answer)
  }
})

test('Expect: 100-continue gets a 100 if the body is wanted', async (t) => {
  const url = await startServer(t)
  const { socket, until } = await converse(t, url)
  socket.write(rawRequest('PUT /', ['Content-Length: 5', 'Expect: 100-continue']))
  await until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
  socket.write('hello')
  await until(/HTTP\/1\.1 204 No Content\r\n/)
  assert.equal(await readHeading(url), 'hello')
})

test('Expect: 100-continue gets no 100 if the body is refused', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'red' })
  const expect = ['Expect: 100-continue']
  const token = 'Authorization: Bearer red'
  const refused: [headers: string[], path: string, status: number][] = [
    [['Content-Length: 5'], '/', 401],
    [['Content-Length: 5'], '/nothing', 404],
    [['Content-Length: 2000000', token], '/', 413],
    [['Content-Length: 5', 'Content-Type: text/html', token], '/hello/Ann', 415],
  ]
  for (const [headers, path, status] of refused) {
    const answer = await sendRaw(url, rawRequest(`PUT ${path}`, [...expect, ...headers]))
    assert.deepEqual(statusesOf(answer), [status])
  }
})

test('HTTP/1.0 has no expectations: whatever they are, they are ignored', async (t) => {
  const url = await startServer(t)
  for (const expect of ['100-continue', 'the-unexpected']) {
    const head = `PUT / HTTP/1.0\r\nExpect: ${expect}\r\nContent-Length: 5\r\n\r\n`
    assert.deepEqual(statusesOf(await sendRaw(url, `${head}hello`)), [204])
  }
})

test('an unknown expectation is answered 417', async (t) => {
  const url = await startServer(t)
  const headers = ['Expect: the-unexpected', 'Connection: close', 'Content-Length: 0']
  const answer = await sendRaw(url, rawRequest('PUT /', headers))
  assert.deepEqual(statusesOf(answer), [417])
  assert.match(answer, /application\/problem\+json/)
})

test('a body that ends before its length is not stored', async (t) => {
  const url = await startServer(t)
  for (const head of [['Content-Length: 10'], ['Transfer-Encoding: chunked']]) {
    const { socket, ended, heard } = await converse(t, url)
    socket.end(rawRequest('PUT /', head, '5\r\nhello'))
    await ended
    assert.deepEqual(statusesOf(heard()), [400], heard())
  }
  const { socket, ended } = await converse(t, url)
  socket.write(rawRequest('PUT /', ['Content-Length: 10'], 'hello'))
  socket.resetAndDestroy()
  await ended
  assert.equal(await readHeading(url), 'dynamic string')
  await expectAlive(url)
})

test('a body that takes too long is answered 408, once', async (t) => {
  const url = await startServer(t, {}, { headersTimeoutMs: 200, requestTimeoutMs: 300 })
  const answer = await sendRaw(url, rawRequest('PUT /', ['Content-Length: 10'], 'hello'))
  assert.deepEqual(statusesOf(answer), [408], answer)
  assert.match(answer, /The request took too long to arrive: send it again/)
  assert.match(answer, /\r\nConnection: close\r\n/)
  assert.equal(await readHeading(url), 'dynamic string')
})

test('a refused body is still read for a moment, so that its sender sees the answer', async (t) => {
  const url = await startServer(t)
  const response = await send('PUT', `${url}/nothing`, 'a'.repeat(5 * mebibyte))
  await expectProblem(response, 404, /There is nothing at \/nothing: see \/docs/)
})

test('an unexpected body does no harm', async (t) => {
  const url = await startServer(t)
  const get = rawRequest('GET /echo', ['Content-Length: 5'], 'hello')
  const last = rawRequest('DELETE /echo', ['Connection: close'])
  const answer = await sendRaw(url, get + last)
  assert.deepEqual(statusesOf(answer), [200, 200])
  assert.match(answer, /ECHO: GET\n.*ECHO: DELETE\n/s)
})
