import assert from 'node:assert/strict'
import test from 'node:test'
import { sendJson } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'

const pages = [browser, 'text/html', 'text/*', 'application/json;q=0.9, text/html', 'TEXT/HTML']
const json = [
  ...[
    '*/*',
    'application/json',
    'text/html;q=0.5, application/json',
    'application/json, text/html',
  ],
  ...['text/html;q=0, */*', 'image/png', 'text/plain'],
]

async function prepare(url: string) {
  await sendJson('PUT', `${url}/hello/Anna`, { dateOfBirth: '1990-04-23' })
  await sendJson('POST', `${url}/movies`, { year: 1931, title: 'M', info: { rating: 8.3 } })
}

const found = ['/hello/Anna', '/movies?year=1931&title=M', '/movies', '/movies?search=m']
const paths = [...found, '/hello/nobody', '/movies?year=soon', '/nothing']

for (const path of paths) {
  test(`GET ${path} is a page for clients that prefer HTML, and otherwise JSON`, async (t) => {
    const url = await startServer(t)
    await prepare(url)
    const get = (accept?: string) => fetch(url + path, accept ? { headers: { accept } } : {})
    const plain = await get()
    const bytes = await plain.text()
    assert.match(plain.headers.get('content-type') ?? '', /^application\/(problem\+)?json/)
    for (const accept of json) assert.equal(await (await get(accept)).text(), bytes, accept)
    for (const accept of pages) {
      const page = await get(accept)
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8', accept)
      assert.equal(page.status, plain.status)
      for (const { headers } of [page, plain]) {
        assert.match(headers.get('vary') ?? '', /\bAccept\b(?!-)/)
      }
    }
  })

  test(`HEAD ${path} has the headers of both kinds of GET`, async (t) => {
    const url = await startServer(t)
    await prepare(url)
    for (const accept of [browser, '*/*']) {
      const [get, head] = await Promise.all(
        ['GET', 'HEAD'].map((method) => fetch(url + path, { method, headers: { accept } })),
      )
      assert.equal(head?.status, get?.status)
      for (const name of ['content-type', 'content-length', 'etag', 'vary']) {
        assert.equal(head?.headers.get(name), get?.headers.get(name), name)
      }
    }
  })
}

for (const path of found.slice(0, 2)) {
  test(`the page and the JSON of ${path} have entity tags of their own`, async (t) => {
    const url = await startServer(t)
    await prepare(url)
    const get = (accept: string, headers = {}) =>
      fetch(url + path, { headers: { accept, ...headers } })
    const tags = await Promise.all(
      [browser, '*/*'].map(async (accept) => (await get(accept)).headers.get('etag') as string),
    )
    assert.notEqual(tags[0], tags[1])
    for (const [index, accept] of [browser, '*/*'].entries()) {
      const statuses = tags.map(async (tag) => (await get(accept, { 'if-none-match': tag })).status)
      const expected = index === 0 ? [304, 200] : [200, 304]
      assert.deepEqual(await Promise.all(statuses), expected)
    }
  })
}
