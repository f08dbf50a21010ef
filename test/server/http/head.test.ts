import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import { createHeadWriter } from '../../../server/http/head.ts'
import { rawRequest, sendRaw } from '../../support/raw.ts'

const keepAliveTimeout = 7300
const writeHead = createHeadWriter(keepAliveTimeout)
const headers = ['Content-Type', 'text/plain', 'Cache-Control', 'no-store']
const id = ['X-Request-Id', 'a-1']
const length = ['Content-Length', '5']

interface Case {
  status?: number
  headers?: string[]
  own?: string[]
  body?: string | Buffer
  request?: string
}

/** Answers that have a known end and keep their connection open. */
const usual: Record<string, Case> = {
  'a body': { own: [...id, ...length], body: 'hello' },
  'a large body': { own: [...id, 'Content-Length', '99999'], body: Buffer.alloc(99_999, 'é') },
  'no headers of its reply': { headers: [], own: length, body: 'hello' },
  'a client that names keep-alive': {
    ...{ own: length, body: 'hello', request: rawRequest('GET /', ['Connection: keep-alive']) },
  },
  'a HEAD': { own: length, request: rawRequest('HEAD /') },
  'a 204': { status: 204, own: id },
  'a 304': { status: 304, own: ['ETag', '"a"'] },
  'a 404': { status: 404, own: length, body: 'never' },
}

const unusual: Record<string, Case> = {
  'no known end': { own: id, body: 'hello' },
  'the last on its connection': { own: [...length, 'Connection', 'close'], body: 'hello' },
  'a reply that closes': { headers: ['connection', 'close'], own: length, body: 'hello' },
  'HTTP/1.0': { own: length, body: 'hello', request: 'GET / HTTP/1.0\r\n\r\n' },
  'a client that closes': {
    ...{ own: length, body: 'hello', request: rawRequest('GET /', ['Connection: close']) },
  },
  'a body that was not asked for': {
    ...{ own: length, body: 'hello' },
    request: rawRequest('PUT /', ['Expect: 100-continue', 'Content-Length: 1']),
  },
}

/** All that the server sends for the request and one more, and how often Node wrote the head. */
async function answersTo(t: TestContext, write: typeof writeHead, given: Case) {
  const { status = 200, own = [], body, request = rawRequest('GET /') } = given
  let written = 0
  class Counting extends ServerResponse {
    override writeHead(...args: unknown[]) {
      written += 1
      return super.writeHead(...(args as [number]))
    }
  }
  const server = createServer({ keepAliveTimeout, ServerResponse: Counting }, answer)
  server.on('checkContinue', answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const sent = await sendRaw(url, request + rawRequest('GET /last', ['Connection: close']))
  return { sent: sent.replace(/^Date: \w{3}, .* GMT\r$/gm, 'Date: now'), written }

  function answer({ url: path }: { url?: string }, response: ServerResponse) {
    if (path === '/last') return response.end('last')
    write(response, { status, headers: given.headers ?? headers }, own)
    response.end(body)
  }
}

const nodeHead: typeof writeHead = (response, { status, headers }, own) => {
  response.writeHead(status, [...headers, ...own])
}

for (const [cases, timesWritten] of [
  [usual, 0],
  [unusual, 1],
] as const) {
  for (const [name, given] of Object.entries(cases)) {
    test(`the answer is the same as with the head of Node: ${name}`, async (t) => {
      const [ours, nodes] = [
        await answersTo(t, writeHead, given),
        await answersTo(t, nodeHead, given),
      ]
      assert.equal(ours.sent, nodes.sent)
      assert.match(ours.sent, /^HTTP\/1\.1 \d{3} [\w ]+\r\n/)
      assert.equal(ours.written, nodes.written - 1 + timesWritten)
    })
  }
}

test('a value that would end its header is refused, wherever it comes from', () => {
  const response = new ServerResponse({ method: 'GET', httpVersion: '1.1', headers: {} } as never)
  const bad = ['X-Bad', 'a\r\nX-More: b']
  const good = ['Content-Length', '0']
  assert.throws(() => writeHead(response, { status: 200, headers: [] }, [...bad, ...good]), /X-Bad/)
  assert.throws(() => writeHead(response, { status: 200, headers: bad }, good), /X-Bad/)
  assert.equal(response.headersSent, false)
})

test('a Node that takes the head from elsewhere writes it itself', () => {
  const calls: unknown[] = []
  const response = {
    req: { httpVersion: '1.1', headers: {} },
    headersSent: false,
    writeHead: (...args: unknown[]) => calls.push(args),
  } as unknown as ServerResponse
  writeHead(response, { status: 200, headers }, length)
  assert.deepEqual(calls, [[200, [...headers, ...length]]])
})
