import assert from 'node:assert/strict'
import test from 'node:test'
import { expectAlive, readHeading } from '../../support/http.ts'
import { rawRequest, sendRaw, statusesOf } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

const hidden = 'PUT / HTTP/1.1\r\nHost: onebox\r\nContent-Length: 8\r\n\r\nsmuggled'
const chunked = 'Transfer-Encoding: chunked'
const put = (headers: string[], body: string) => rawRequest('PUT /echo', headers, body)

/** Requests that two servers in a row could take for different ones; RFC 9112, 11.2. */
const attempts: [what: string, bytes: string][] = [
  ['a length and chunks', put(['Content-Length: 4', chunked], `0\r\n\r\n${hidden}`)],
  ['chunks and a length', put([chunked, 'Content-Length: 4'], `0\r\n\r\n${hidden}`)],
  ['two different lengths', put(['Content-Length: 0', 'Content-Length: 5'], `hello${hidden}`)],
  ['two equal lengths', put(['Content-Length: 0', 'Content-Length: 0'], hidden)],
  ['a list of lengths', put(['Content-Length: 0, 0'], hidden)],
  ['a negative length', put(['Content-Length: -1'], hidden)],
  ['a length with a sign', put(['Content-Length: +0'], hidden)],
  ['a length in hexadecimal', put(['Content-Length: 0x0'], hidden)],
  ['a length that overflows', put(['Content-Length: 18446744073709551616'], hidden)],
  ['a length with a space in it', put(['Content-Length: 0 0'], hidden)],
  ['an empty length', put(['Content-Length:'], hidden)],
  ['Transfer-Encoding: identity', put(['Transfer-Encoding: identity'], hidden)],
  ['Transfer-Encoding: xchunked', put(['Transfer-Encoding: xchunked'], `0\r\n\r\n${hidden}`)],
  ['chunks before another coding', put(['Transfer-Encoding: chunked, gzip'], `0\r\n\r\n${hidden}`)],
  ['chunks twice', put([chunked, 'Transfer-Encoding: identity'], `0\r\n\r\n${hidden}`)],
  ['chunks spelt with a tab', put(['Transfer-Encoding:\tchunked\x0b'], `0\r\n\r\n${hidden}`)],
  ['a space before the colon', put(['Transfer-Encoding : chunked'], `0\r\n\r\n${hidden}`)],
  ['a folded header', put(['X-Test: a\r\n Content-Length: 0'], hidden)],
  ['a folded coding', put(['Transfer-Encoding:\r\n chunked'], `0\r\n\r\n${hidden}`)],
  ['a header that ends in a bare LF', put(['X-Test: a\nContent-Length: 0'], hidden)],
  ['a head that ends in bare LFs', `GET /echo HTTP/1.1\nHost: onebox\n\n${hidden}`],
  ['a bare CR in a header', put(['X-Test: a\rContent-Length: 0'], hidden)],
  ['a chunk size that is no number', put([chunked], `zz\r\n${hidden}`)],
  ['a negative chunk size', put([chunked], `-1\r\n${hidden}`)],
  ['a chunk size that overflows', put([chunked], `fffffffffffffffff\r\n${hidden}`)],
  ['a chunk longer than its size', put([chunked], `1\r\nab\r\n0\r\n\r\n${hidden}`)],
  ['a chunk size that ends in a bare LF', put([chunked], `0\n\n${hidden}`)],
  ['a bare LF in a chunk extension', put([chunked], `5;a\nhello\r\n0\r\n\r\n${hidden}`)],
]

test('request smuggling gets one answer at most and a closed connection, for', async (t) => {
  const url = await startServer(t, {}, { keepAliveTimeoutMs: 30_000 })
  for (const [what, bytes] of attempts) {
    await t.test(what, async () => {
      const answer = await sendRaw(url, bytes, 5000)
      assert.deepEqual(statusesOf(answer), [400], answer)
      assert.equal(await readHeading(url), 'dynamic string')
    })
  }
  await expectAlive(url)
})

test('requests in one packet that are all well formed are answered in their order', async (t) => {
  const url = await startServer(t)
  const requests = [
    rawRequest('PUT /', ['Content-Length: 5'], 'hello'),
    put([chunked], '5;name=value\r\nhello\r\n0\r\nTrailer: x\r\n\r\n'),
    rawRequest('GET /nothing'),
    rawRequest('DELETE /echo', ['Connection: close']),
  ]
  const answer = await sendRaw(url, requests.join(''))
  assert.deepEqual(statusesOf(answer), [204, 200, 404, 200], answer)
  assert.equal(await readHeading(url), 'hello')
})
