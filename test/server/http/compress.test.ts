import assert from 'node:assert/strict'
import test from 'node:test'
import { send } from '../../support/http.ts'
import { rawRequest, sendRaw } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

async function encodingOf(url: string, accept: string): Promise<string | null> {
  const response = await fetch(url, { headers: { 'accept-encoding': accept } })
  assert.match(await response.text(), /<h1>The saved string is dynamic string<\/h1>/)
  assert.equal(response.headers.get('vary'), 'Accept-Encoding')
  return response.headers.get('content-encoding')
}

const choices: [accept: string, encoding: string | null][] = [
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip', 'gzip'],
  ['BR', 'br'],
  ['br;q=0, gzip;q=0.5', 'gzip'],
  ['br;q=0.000, gzip ; q=0', null],
  ['br;q=0.001', 'br'],
  ['identity', null],
  ['identity;q=0', null],
  ['zstd', null],
  ['bread, gzipped', null],
  ['', null],
]

test('the page is compressed as the client wishes', async (t) => {
  const url = await startServer(t)
  for (const [accept, encoding] of choices) {
    await t.test(`Accept-Encoding: ${accept} gets ${encoding ?? 'none'}`, async () => {
      assert.equal(await encodingOf(url, accept), encoding)
    })
  }
})

test('a client that accepts no encoding gets none', async (t) => {
  const url = await startServer(t)
  const answer = await sendRaw(url, rawRequest('GET /', ['Connection: close']))
  assert.doesNotMatch(answer, /Content-Encoding/i)
  assert.match(answer, /\r\nVary: Accept-Encoding\r\n/)
  assert.match(answer, /<h1>The saved string is dynamic string<\/h1>/)
})

test('a compressed answer has its own length and unpacks to the same page', async (t) => {
  const url = await startServer(t)
  const plain = await (await fetch(url, { headers: { 'accept-encoding': 'identity' } })).text()
  for (const encoding of ['br', 'gzip']) {
    const headers = [`Accept-Encoding: ${encoding}`, 'Connection: close']
    const head = await sendRaw(url, rawRequest('HEAD /', headers))
    const length = Number(/Content-Length: (\d+)/.exec(head)?.[1])
    const response = await fetch(url, { headers: { 'accept-encoding': encoding } })
    assert.equal(await response.text(), plain)
    assert.equal(response.headers.get('content-length'), String(length))
    assert.ok(length < plain.length / 2)
  }
})

test('short answers are not compressed', async (t) => {
  const url = await startServer(t)
  const response = await fetch(`${url}/echo`, { headers: { 'accept-encoding': 'br' } })
  assert.equal(response.headers.get('content-encoding'), null)
  assert.equal(response.headers.get('vary'), null)
})

test('each encoding has an entity tag of its own, and the page changes with its string', async (t) => {
  const url = await startServer(t)
  const tagOf = async (accept: string) =>
    (await send('HEAD', url, undefined, { 'accept-encoding': accept })).headers.get('etag')
  const before = [await tagOf('identity'), await tagOf('br'), await tagOf('gzip')]
  assert.equal(new Set(before).size, 3)
  await send('PUT', url, 'hello')
  for (const accept of ['identity', 'br', 'gzip']) {
    assert.ok(!before.includes(await tagOf(accept)))
    const response = await fetch(url, { headers: { 'accept-encoding': accept } })
    assert.match(await response.text(), /<h1>The saved string is hello<\/h1>/)
  }
})
