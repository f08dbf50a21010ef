import assert from 'node:assert/strict'
import test from 'node:test'
import { expectProblem, readHeading, send } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

const identity = { 'accept-encoding': 'identity' }

async function tagOf(url: string, headers: Record<string, string> = identity): Promise<string> {
  const response = await fetch(url, { headers })
  await response.text()
  return response.headers.get('etag') as string
}

test('GET / answers 304 without a body while the string is the one the client has', async (t) => {
  const url = await startServer(t)
  const tag = await tagOf(url)
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
    for (const method of ['GET', 'HEAD']) {
      const headers = { ...identity, 'if-none-match': known }
      const response = await send(method, url, undefined, headers)
      assert.equal(response.status, 304, known)
      assert.equal(await response.text(), '')
      assert.equal(response.headers.get('etag'), tag)
      assert.equal(response.headers.get('cache-control'), 'no-cache')
    }
  }
})

test('GET / answers 304 for the tag of the compressed page as well', async (t) => {
  const url = await startServer(t)
  for (const encoding of ['br', 'gzip']) {
    const tag = await tagOf(url, { 'accept-encoding': encoding })
    const headers = { 'accept-encoding': encoding, 'if-none-match': tag }
    const response = await send('GET', url, undefined, headers)
    assert.equal(response.status, 304)
    assert.equal(response.headers.get('vary'), 'Accept-Encoding')
  }
})

test('GET / answers 200 for any other tag, and once the string has changed', async (t) => {
  const url = await startServer(t)
  const tag = await tagOf(url)
  const statusFor = async (known: string) =>
    (await send('GET', url, undefined, { ...identity, 'if-none-match': known })).status
  for (const other of ['"other"', tag.replaceAll('"', ''), `"${tag}"`, '', '"']) {
    assert.equal(await statusFor(other), 200, other)
  }
  await send('PUT', url, 'dynamic string')
  assert.equal(await statusFor(tag), 200)
})

test('PUT / with If-Match changes the string only where it is still the one known', async (t) => {
  const url = await startServer(t)
  const first = await tagOf(url)
  const put = (match: string, body: string) => send('PUT', url, body, { 'if-match': match })
  const done = await put(first, 'one')
  assert.equal(done.status, 204)
  const second = done.headers.get('etag') as string
  assert.equal(second, await tagOf(url))
  for (const stale of [first, '"other"', 'garbage', '']) {
    await expectProblem(await put(stale, 'two'), 412, /^Someone else was faster: read the string/)
  }
  assert.equal(await readHeading(url), 'one')
  assert.equal((await put(`${first}, ${second}`, 'three')).status, 204)
  assert.equal((await put('*', 'four')).status, 204)
  assert.equal((await put(await tagOf(url, { 'accept-encoding': 'br' }), 'five')).status, 204)
  assert.equal(await readHeading(url), 'five')
})

test('of many who change the same version at once exactly one succeeds', async (t) => {
  const url = await startServer(t)
  const headers = { 'if-match': await tagOf(url) }
  const names = Array.from({ length: 20 }, (_, index) => `name-${index}`)
  const responses = await Promise.all(names.map((name) => send('PUT', url, name, headers)))
  const winners = names.filter((_, index) => responses[index]?.status === 204)
  assert.equal(winners.length, 1)
  assert.equal(responses.filter(({ status }) => status === 412).length, 19)
  assert.equal(await readHeading(url), winners[0])
})
