import assert from 'node:assert/strict'
import test from 'node:test'
import { escapeHtml } from '../../../server/http/html.ts'
import { expectProblem } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'
const asBrowser = { headers: { accept: browser } }

const errors: [status: number, title: string, path: string][] = [
  [404, 'Not Found', '/nothing'],
  [404, 'Not Found', '/movies?year=1933&title=M'],
  [400, 'Bad Request', '/movies?year=soon'],
  [401, 'Unauthorized', '/metrics'],
]

test('a browser gets an error as a page, with the same status and headers', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'secret' })
  for (const [status, title, path] of errors) {
    const json = await fetch(url + path)
    const response = await fetch(url + path, asBrowser)
    const page = await response.text()
    const { detail } = await expectProblem(json, status, /./)
    assert.equal(response.status, status)
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.match(response.headers.get('vary') ?? '', /\bAccept\b(?!-)/)
    assert.deepEqual(page.match(/<h1>.*<\/h1>/g), [`<h1>${status} ${title}</h1>`])
    assert.ok(page.includes(`<p>${escapeHtml(detail)}</p>`), page)
    for (const name of ['www-authenticate', 'allow']) {
      assert.equal(response.headers.get(name), json.headers.get(name))
    }
  }
})

test('every other client gets JSON, and any cache learns that it depends on Accept', async (t) => {
  const url = await startServer(t)
  for (const accept of ['*/*', 'application/json', 'application/problem+json, text/html', '']) {
    const response = await fetch(`${url}/nothing`, { headers: { accept } })
    assert.equal(response.headers.get('vary'), 'Accept')
    await expectProblem(response, 404, /^There is nothing at \/nothing: see \/docs$/)
  }
})

test('every link of an error page leads to an answer', async (t) => {
  const url = await startServer(t)
  const page = await (await fetch(`${url}/nothing`, asBrowser)).text()
  const links = [...page.matchAll(/<a href="([^"]*)"/g)].map(([, path = '']) => path)
  for (const path of ['/', '/birthdays', '/movies', '/docs', '/status'])
    assert.ok(links.includes(path))
  for (const path of links) assert.equal((await fetch(url + path, asBrowser)).status, 200, path)
})
