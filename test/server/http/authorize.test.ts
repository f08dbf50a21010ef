import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import test from 'node:test'
import { expectProblem, getJson, readHeading, send } from '../../support/http.ts'
import { rawRequest, sendRaw, statusesOf } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

const json = { 'content-type': 'application/json' }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const writes: [method: string, path: string, body?: string][] = [
  ['PUT', '/', '{"string": "changed"}'],
  ['PUT', '/hello/Ann', '{"dateOfBirth": "1990-04-23"}'],
  ['DELETE', '/hello/Bob'],
  ['POST', '/movies', '{"year": 1933, "title": "King Kong", "info": {}}'],
  ['DELETE', '/movies?year=1931&title=M'],
]

async function prepare(url: string, token: Record<string, string> = {}) {
  await send('PUT', `${url}/hello/Bob`, writes[1]?.[2], { ...json, ...token })
  await send('POST', `${url}/movies?year=1931&title=M`, undefined, token)
}

/** Holds all data to what it was before any of `writes`. */
async function expectUnchanged(url: string) {
  assert.equal(await readHeading(url), 'dynamic string')
  assert.equal((await fetch(`${url}/hello/Ann`)).status, 404)
  assert.equal((await fetch(`${url}/hello/Bob`)).status, 200)
  const { movies } = await getJson<{ movies: { title: string }[] }>(`${url}/movies`)
  assert.deepEqual(
    movies.map(({ title }) => title),
    ['M'],
  )
}

const wrong: [what: string, headers: Record<string, string>, detail: RegExp][] = [
  ['no token', {}, /^Send the header "Authorization: Bearer <token>"$/],
  ['an empty token', bearer(''), /^Send the header/],
  ['another scheme', { authorization: 'Basic cmVk' }, /^Send the header/],
  ['the token alone', { authorization: 'red' }, /^Send the header/],
  ['two tokens', bearer('red blue'), /^Send the header/],
  ['a wrong token', bearer('green'), /^The token is not valid: check it for typos$/],
  ['a part of the token', bearer('re'), /^The token is not valid/],
  ['the token in another case', bearer('RED'), /^The token is not valid/],
  ['the hash of the token', bearer(hash('sha256', 'red')), /^The token is not valid/],
  ['both tokens as one', bearer('red,blue'), /^The token is not valid/],
]

test('every write without a valid token answers 401 and changes nothing, be it with', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'red,blue' })
  await prepare(url, bearer('red'))
  for (const [what, headers, detail] of wrong) {
    await t.test(what, async () => {
      for (const [method, path, body] of writes) {
        const response = await send(method, url + path, body, { ...json, ...headers })
        assert.equal(response.headers.get('www-authenticate'), 'Bearer')
        const problem = await expectProblem(response, 401, detail)
        assert.doesNotMatch(JSON.stringify(problem), /red|blue|green/i)
      }
      await expectUnchanged(url)
    })
  }
})

test('every write with a valid token is done, and reads need none', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'red' })
  await prepare(url, bearer('red'))
  for (const [method, path, body] of writes) {
    const response = await send(method, url + path, body, { ...json, ...bearer('red') })
    assert.ok(response.ok, `${method} ${path} ${response.status}`)
  }
  assert.equal(await readHeading(url), 'changed')
  assert.equal((await fetch(`${url}/hello/Ann`)).status, 200)
  assert.equal((await fetch(`${url}/movies?year=1933&title=King+Kong`)).status, 200)
})

test('several tokens are valid at once, in plain text or as hashes, for rotation', async (t) => {
  const hashes = `${hash('sha256', 'green')},${hash('sha256', 'white')}`
  const url = await startServer(t, { WRITE_TOKEN: 'red,blue', WRITE_TOKEN_SHA256: hashes })
  for (const token of ['red', 'blue', 'green', 'white']) {
    assert.equal((await send('PUT', url, token, bearer(token))).status, 204)
  }
  assert.equal((await send('PUT', url, 'black', bearer('black'))).status, 401)
  assert.equal(await readHeading(url), 'white')
})

test('the scheme is case-insensitive', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'red' })
  for (const authorization of ['bearer red', 'BEARER  red ']) {
    assert.equal((await send('PUT', url, 'hello', { authorization })).status, 204)
  }
})

test('a second Authorization header does not count', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'red' })
  const both = ['Authorization: Bearer green', 'Authorization: Bearer red', 'Connection: close']
  const answer = await sendRaw(url, rawRequest('DELETE /hello/Ann', both))
  assert.deepEqual(statusesOf(answer), [401])
})

test('a cross-site write answers 403 and changes nothing, with or without a token', async (t) => {
  for (const env of [{ WRITE_TOKEN: '' }, { WRITE_TOKEN: 'red' }]) {
    const url = await startServer(t, env)
    await prepare(url, bearer('red'))
    for (const [method, path, body] of writes) {
      const headers = [`Content-Length: ${body?.length ?? 0}`, 'Content-Type: application/json']
      const foreign = ['Sec-Fetch-Site: cross-site', 'Authorization: Bearer red']
      const bytes = rawRequest(
        `${method} ${path}`,
        [...headers, ...foreign, 'Connection: close'],
        body,
      )
      const answer = await sendRaw(url, bytes)
      assert.deepEqual(statusesOf(answer), [403], answer)
      assert.match(answer, /Pages of other sites may not write here: use this site or curl/)
    }
    await expectUnchanged(url)
  }
})

test('pages of other sites may link here, and pages of this site may write', async (t) => {
  const url = await startServer(t)
  const request = (line: string, site: string) =>
    sendRaw(url, rawRequest(line, [`Sec-Fetch-Site: ${site}`, 'Connection: close']))
  assert.deepEqual(statusesOf(await request('GET /', 'cross-site')), [200])
  const post = 'POST /movies?year=1931&title=M'
  assert.deepEqual(statusesOf(await request(post, 'same-origin')), [201])
  assert.deepEqual(statusesOf(await request(post, 'none')), [200])
})
