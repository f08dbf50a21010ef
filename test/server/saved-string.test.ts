import assert from 'node:assert/strict'
import test from 'node:test'
import { startServer } from '../support/server.ts'

test('GET / shows "dynamic string" before the first PUT', async (t) => {
  const url = await startServer(t)
  const response = await fetch(url)
  const body = await response.text()
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.deepEqual(body.match(/<h1>.*<\/h1>/g), ['<h1>The saved string is dynamic string</h1>'])
})

test('PUT / changes the string and GET / shows it, escaped', async (t) => {
  const url = await startServer(t)
  const put = await fetch(url, { method: 'PUT', body: '<b>&"\'' })
  assert.equal(put.status, 204)
  const response = await fetch(url, { headers: { 'accept-encoding': 'identity' } })
  assert.match(await response.text(), /<h1>The saved string is &lt;b&gt;&amp;&quot;&#39;<\/h1>/)
  assert.equal(response.headers.get('etag'), put.headers.get('etag'))
})
