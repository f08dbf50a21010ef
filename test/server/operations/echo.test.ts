import assert from 'node:assert/strict'
import test from 'node:test'
import { send } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
  test(`${method} /echo answers ECHO: ${method}, whatever is sent`, async (t) => {
    const url = await startServer(t, { WRITE_TOKEN: 'red' })
    const body = method === 'GET' ? undefined : Buffer.from([0xff, 0x00])
    for (const path of ['/echo', '/echo/', '/echo?method=PUT']) {
      const response = await send(method, url + path, body, { 'content-type': 'image/png' })
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
      assert.equal(await response.text(), `ECHO: ${method}\n`)
    }
  })
}

test('HEAD and OPTIONS /echo answer without a body', async (t) => {
  const url = await startServer(t)
  for (const [method, status] of [
    ['HEAD', 200],
    ['OPTIONS', 204],
  ] as const) {
    const response = await send(method, `${url}/echo`)
    assert.equal(response.status, status)
    assert.equal(await response.text(), '')
  }
})
