import assert from 'node:assert/strict'
import test from 'node:test'
import { expectProblem, readHeading, send, sendJson } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

const identity = { 'accept-encoding': 'identity' }

async function tagOf(url: string, headers: Record<string, string> = identity): Promise<string> {
  const response = await fetch(url, { headers })
  await response.text()
  return response.headers.get('etag') as string
}

test('GET / answers 304 without a body while the string is unchanged', async (t) => {
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
      assert.equal(response.headers.get('content-type'), null)
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

test('PUT / with If-Match changes the string only if it is unchanged', async (t) => {
  const url = await startServer(t)
  const first = await tagOf(url)
  const put = (match: string, body: string) => send('PUT', url, body, { 'if-match': match })
  const done = await put(first, 'one')
  assert.equal(done.status, 204)
  const second = done.headers.get('etag') as string
  assert.equal(second, await tagOf(url))
  for (const stale of [first, '"other"', 'garbage', '']) {
    await expectProblem(await put(stale, 'two'), 412, /^If-Match does not match the current/)
  }
  assert.equal(await readHeading(url), 'one')
  assert.equal((await put(`${first}, ${second}`, 'three')).status, 204)
  assert.equal((await put('*', 'four')).status, 204)
  assert.equal((await put(await tagOf(url, { 'accept-encoding': 'br' }), 'five')).status, 204)
  assert.equal(await readHeading(url), 'five')
})

test('of many concurrent changes of the same string exactly one succeeds', async (t) => {
  const url = await startServer(t)
  const headers = { 'if-match': await tagOf(url) }
  const names = Array.from({ length: 20 }, (_, index) => `name-${index}`)
  const responses = await Promise.all(names.map((name) => send('PUT', url, name, headers)))
  const winners = names.filter((_, index) => responses[index]?.status === 204)
  assert.equal(winners.length, 1)
  assert.equal(responses.filter(({ status }) => status === 412).length, 19)
  assert.equal(await readHeading(url), winners[0])
})

/** The two resources that come and go, each with two of its states to write. */
const resources = [
  {
    what: 'a birthday',
    path: '/hello/Ann',
    write: (url: string, state: 0 | 1, headers: Record<string, string>) =>
      sendJson('PUT', url, { dateOfBirth: `199${state}-04-23` }, headers),
  },
  {
    what: 'a movie by query',
    path: '/movies?year=1931&title=M',
    write: (url: string, state: 0 | 1, headers: Record<string, string>) =>
      send('POST', `${url}&rating=${state}`, undefined, headers),
  },
  {
    what: 'a movie as JSON',
    path: '/movies?year=1931&title=M',
    write: (url: string, state: 0 | 1, headers: Record<string, string>) => {
      const movie = { year: 1931, title: 'M', info: { rating: state } }
      return sendJson('POST', url.replace(/\?.*/, ''), movie, headers)
    },
  },
]

for (const { what, path, write } of resources) {
  test(`${what} is written only if it is unchanged, or only if there is none`, async (t) => {
    const url = (await startServer(t)) + path
    assert.equal((await write(url, 0, { 'if-match': '*' })).status, 412)
    assert.equal((await write(url, 0, { 'if-match': '"any"' })).status, 412)
    assert.equal((await fetch(url)).status, 404)
    assert.ok((await write(url, 0, { 'if-none-match': '*' })).ok)
    await expectProblem(await write(url, 1, { 'if-none-match': '*' }), 412, /it already exists$/)
    const first = await tagOf(url)
    assert.equal((await write(url, 1, { 'if-none-match': first })).status, 412)
    assert.ok((await write(url, 1, { 'if-match': `"other", ${first}` })).ok)
    const second = await tagOf(url)
    assert.notEqual(second, first)
    for (const stale of [first, `W/${second}`, 'garbage', '"*"', '']) {
      assert.equal((await write(url, 0, { 'if-match': stale })).status, 412, stale)
    }
    assert.equal(await tagOf(url), second)
    assert.ok((await write(url, 0, { 'if-match': '*', 'if-none-match': first })).ok)
    assert.equal((await write(url, 1, { 'if-match': '*', 'if-none-match': '*' })).status, 412)
  })

  test(`${what} is read only if it has changed, and removed only if it has not`, async (t) => {
    const url = (await startServer(t)) + path
    await write(url, 0, {})
    const tag = await tagOf(url)
    assert.equal((await fetch(url, { headers: { 'if-none-match': tag } })).status, 304)
    assert.equal((await fetch(url, { headers: { 'if-match': tag } })).status, 200)
    assert.equal((await fetch(url, { headers: { 'if-match': '"other"' } })).status, 412)
    await write(url, 1, {})
    assert.equal((await fetch(url, { headers: { 'if-none-match': tag } })).status, 200)
    assert.equal((await send('DELETE', url, undefined, { 'if-match': tag })).status, 412)
    const current = { 'if-match': await tagOf(url) }
    assert.equal((await send('DELETE', url, undefined, current)).status, 204)
    // Preconditions do not apply to a resource that does not exist (RFC 9110, 13.2.1).
    assert.equal((await send('DELETE', url, undefined, { 'if-match': '*' })).status, 404)
    await write(url, 0, {})
    assert.notEqual(await tagOf(url), tag, 'even though it is as it was')
  })

  test(`of many concurrent writes of ${what} exactly one succeeds`, async (t) => {
    const url = (await startServer(t)) + path
    const race = async (headers: Record<string, string>) => {
      const all = Array.from({ length: 20 }, (_, index) =>
        write(url, (index % 2) as 0 | 1, headers),
      )
      const statuses = (await Promise.all(all)).map(({ status }) => status)
      return statuses.filter((status) => status !== 412).length
    }
    assert.equal(await race({ 'if-none-match': '*' }), 1)
    assert.equal(await race({ 'if-match': await tagOf(url) }), 1)
    assert.equal(await race({ 'if-match': '*' }), 20)
  })
}

test('a birthday of the same day in another year is another version', async (t) => {
  const url = `${await startServer(t)}/hello/Ann`
  await sendJson('PUT', url, { dateOfBirth: '1990-04-23' })
  const headers = { 'if-match': await tagOf(url) }
  await sendJson('PUT', url, { dateOfBirth: '1991-04-23' })
  const late = await sendJson('PUT', url, { dateOfBirth: '1992-04-23' }, headers)
  assert.equal(late.status, 412)
})

test('a resource without an entity tag matches only *, whatever the method', async (t) => {
  const url = await startServer(t)
  for (const path of ['/echo', '/movies', '/healthz', '/metrics', '/events']) {
    const get = (headers: Record<string, string>) => send('HEAD', url + path, undefined, headers)
    assert.equal((await get({ 'if-match': '"any"' })).status, 412, path)
    assert.equal((await get({ 'if-match': '*' })).status, 200, path)
    assert.equal((await get({ 'if-none-match': '*' })).status, 304, path)
    assert.equal((await get({ 'if-none-match': '"any"' })).status, 200, path)
  }
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const status = async (headers: Record<string, string>) =>
      (await send(method, `${url}/echo`, undefined, headers)).status
    assert.equal(await status({ 'if-match': '"any"' }), 412)
    assert.equal(await status({ 'if-none-match': '*' }), 412)
    assert.equal(await status({ 'if-match': '*' }), 200)
  }
  const lines = { 'content-type': 'application/x-ndjson' }
  const line = '{"year": 1931, "title": "M", "info": {}}'
  for (const [name, value] of [
    ['if-match', '"any"'],
    ['if-none-match', '*'],
  ] as const) {
    const response = await send('POST', `${url}/movies`, line, { ...lines, [name]: value })
    assert.equal(response.status, 412)
  }
  assert.equal(await (await fetch(`${url}/movies`)).text(), '{"movies":[],"next":null}')
  assert.equal((await send('PUT', url, 'new', { 'if-none-match': '*' })).status, 412)
  assert.equal((await send('OPTIONS', url, undefined, { 'if-match': '"any"' })).status, 204)
})

test('errors come before preconditions (RFC 9110, 13.2.1)', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'red' })
  const headers = { 'if-match': '"any"' }
  for (const [method, path, status] of [
    ['GET', '/nothing', 404],
    ['GET', '/hello/Ann', 404],
    ['GET', '/hello/1', 400],
    ['PATCH', '/', 405],
    ['PUT', '/', 401],
  ] as const) {
    assert.equal((await send(method, url + path, undefined, headers)).status, status)
  }
})
