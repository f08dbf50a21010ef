import assert from 'node:assert/strict'
import test from 'node:test'
import { expectAlive, expectProblem, send, sendJson } from '../../support/http.ts'
import { rawRequest, sendRaw, statusesOf } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

const allowed: Record<string, string> = {
  '/': 'GET, PUT, HEAD, OPTIONS',
  '/events': 'GET, HEAD, OPTIONS',
  '/hello/Ann': 'GET, PUT, DELETE, HEAD, OPTIONS',
  '/movies': 'GET, POST, DELETE, HEAD, OPTIONS',
  '/echo': 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS',
  '/healthz': 'GET, HEAD, OPTIONS',
  '/metrics': 'GET, HEAD, OPTIONS',
  '/openapi.json': 'GET, HEAD, OPTIONS',
  '/docs': 'GET, HEAD, OPTIONS',
}
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'PURGE']
const sorted = (list: string | null) => list?.split(', ').sort()

test('OPTIONS on every path answers 204 with what it allows', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'red' })
  for (const [path, allow] of Object.entries(allowed)) {
    const response = await send('OPTIONS', url + path)
    assert.equal(response.status, 204)
    assert.deepEqual(sorted(response.headers.get('allow')), sorted(allow), path)
  }
})

test('OPTIONS * answers 204, as it is about no path', async (t) => {
  const url = await startServer(t)
  const answer = await sendRaw(url, rawRequest('OPTIONS *', ['Connection: close']))
  assert.deepEqual(statusesOf(answer), [204], answer)
})

test('any other method answers 405 with the methods that the path supports', async (t) => {
  const url = await startServer(t)
  for (const [path, allow] of Object.entries(allowed)) {
    for (const method of methods.filter((name) => !allow.split(', ').includes(name))) {
      const response = await send(method, url + path, method === 'GET' ? undefined : '{}')
      assert.deepEqual(sorted(response.headers.get('allow')), sorted(allow), path)
      await expectProblem(response, 405, new RegExp(`does not support ${method}: use ${allow}`))
    }
  }
})

test('methods are case-sensitive, and TRACE is not supported', async (t) => {
  const url = await startServer(t)
  const statuses = async (line: string) =>
    statusesOf(await sendRaw(url, rawRequest(line, ['Connection: close'])))
  assert.deepEqual(await statuses('get /echo'), [501])
  assert.deepEqual(await statuses('TRACE /echo'), [405])
  await expectAlive(url)
})

test('HEAD answers as GET does, without the body', async (t) => {
  const url = await startServer(t)
  await sendJson('PUT', `${url}/hello/Ann`, { dateOfBirth: '1990-04-23' })
  for (const path of ['/', '/hello/Ann', '/movies', '/echo', '/openapi.json', '/docs']) {
    const headers = { 'accept-encoding': 'identity' }
    const [get, head] = [await fetch(url + path, { headers }), await send('HEAD', url + path)]
    assert.equal(head.status, 200)
    assert.equal(head.headers.get('content-type'), get.headers.get('content-type'))
    assert.equal(await head.text(), '')
    assert.ok(Number(head.headers.get('content-length')) > 0, path)
    await get.text()
  }
  assert.equal((await send('HEAD', `${url}/hello/Bob`)).status, 404)
  const answer = await sendRaw(url, rawRequest('HEAD /nothing', ['Connection: close']))
  assert.match(answer, /^HTTP\/1\.1 404 [^{]*\r\n\r\n$/)
})

test('HEAD /events ends, as there is nothing to follow', async (t) => {
  const url = await startServer(t)
  const response = await send('HEAD', `${url}/events`)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  assert.equal(await response.text(), '')
})

test('a trailing slash makes no difference', async (t) => {
  const url = await startServer(t)
  await sendJson('PUT', `${url}/hello/Ann/`, { dateOfBirth: '1990-04-23' })
  for (const path of ['/hello/Ann', '/hello/Ann/', '/movies/', '/movies/?limit=1', '/echo/']) {
    assert.equal((await fetch(url + path)).status, 200, path)
  }
})

test('an unknown path answers 404 and points to the docs', async (t) => {
  const url = await startServer(t)
  const paths = ['/nothing', '/hello', '/hello/', '/hello/Ann/more', '/Movies', '/movies.json']
  const odd = ['/__proto__', '/constructor', '/{username}', '/.env', '/movies//', '/%2e%2e/etc']
  for (const path of [...paths, ...odd]) {
    await expectProblem(await fetch(url + path), 404, /^There is nothing at .*: see \/docs$/)
  }
})

test('a long path is shortened in its error', async (t) => {
  const url = await startServer(t)
  const { detail } = await expectProblem(await fetch(`${url}/${'a'.repeat(9000)}`), 404, /nothing/)
  assert.ok(detail.length < 200)
})

const odd: [target: string, status: number][] = [
  ['/hello/%', 400],
  ['/hello/%zz', 400],
  ['/hello/%c3', 400],
  ['/hello/%ed%a0%80', 400],
  ['/hello/%00', 400],
  ['/hello/a%2fb', 400],
  ['/hello/..', 400],
  ['/hello/a%0d%0aX-Test:%20b', 400],
  ['/movies?year=%zz', 400],
  ['/movies?%=1', 400],
  ['/echo?', 200],
  ['/echo?%zz', 200],
  ['/../../etc/passwd', 404],
  ['/./echo', 404],
  ['/%65cho', 404],
  ['/echo#x', 404],
  ['//nothing', 404],
  ['//echo', 404],
  ['/é', 400],
  ['*', 405],
  ['http://onebox/echo', 200],
  ['HTTPS://other:8443/echo?x', 200],
  ['http://user@onebox/echo', 400],
  ['http://one box/echo', 400],
  ['http://onebox', 400],
  ['http:///echo', 400],
  ['ftp://onebox/echo', 400],
  ['echo', 400],
]

test('an odd request target gets a plain answer, and the server goes on', async (t) => {
  const url = await startServer(t)
  for (const [target, status] of odd) {
    await t.test(`GET ${target} answers ${status}`, async () => {
      const answer = await sendRaw(url, rawRequest(`GET ${target}`, ['Connection: close']))
      assert.deepEqual(statusesOf(answer), [status], answer)
      assert.match(answer, status === 200 ? /ECHO: GET\n$/ : /application\/problem\+json/)
      assert.doesNotMatch(answer, /^X-Test/m)
    })
  }
  await expectAlive(url)
})
