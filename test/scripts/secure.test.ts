import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { bestUrl, findUrl, waitForHttps } from '../../scripts/site/secure.ts'
import type { HttpsHealth } from '../../server/operations/https.ts'

const ip = '203.0.113.10'
const domain = 'www.example.com'

test('the domain is used before the address, and each only with a certificate for it', () => {
  const place = { url: `http://${ip}`, ip, domain }
  const best = (names: string[]) => bestUrl(place, { https: { names } })
  assert.equal(best([ip, domain]), 'https://www.example.com')
  assert.equal(best([ip]), 'https://203.0.113.10')
  assert.equal(best(['203.0.113.9']), 'http://203.0.113.10')
  assert.equal(bestUrl(place, {}), 'http://203.0.113.10')
  assert.equal(bestUrl({ ...place, domain: '' }, { https: { names: [''] } }), 'http://203.0.113.10')
})

test('a site from before HTTPS, or that does not answer, has its plain address', async (t) => {
  const { url, printed } = await startSite(t, [undefined])
  assert.equal(await waitForHttps({ url, ip }), url)
  assert.equal(await findUrl({ url, ip }), url)
  assert.equal(printed(), '')
  const nobody = 'http://127.0.0.1:1'
  assert.equal(await findUrl({ url: nobody, ip }), nobody)
})

test('up waits for the certificate, and prints each change', async (t) => {
  const missing = { names: [], problem: 'A certificate is being requested' }
  const { url, printed } = await startSite(t, [{ names: [] }, missing, { names: [ip] }])
  assert.equal(await waitForHttps({ url, ip }), `https://${ip}`)
  assert.match(
    printed(),
    /Waiting for HTTPS\n.*A certificate is on its way\n.*is being requested\n$/s,
  )
})

test('a rate limit is no reason to wait, nor to fail', async (t) => {
  const nextTryAt = new Date(Date.now() + 5 * 3_600_000).toISOString()
  const { url, printed } = await startSite(t, [{ names: [], problem: 'Too many', nextTryAt }])
  assert.equal(await waitForHttps({ url, ip }), url)
  const line = `! No HTTPS for ${ip} yet: Too many; next try at ${nextTryAt}. npx onebox status shows more\n`
  assert.ok(printed().endsWith(line), printed())
})

test('a domain that points elsewhere leaves HTTPS on the address', async (t) => {
  const problem = `${domain} does not point to ${ip} yet: it does not resolve`
  const { url, printed } = await startSite(t, [{ names: [ip], leftOut: [domain], problem }])
  assert.equal(await waitForHttps({ url, ip, domain }), `https://${ip}`)
  assert.match(printed(), /No HTTPS for www\.example\.com yet: www\.example\.com does not point/)
})

/** Answers /healthz with one state after the other, the last for ever. */
async function startSite(t: TestContext, states: (HttpsHealth | undefined)[]) {
  let lines = ''
  t.mock.method(console, 'log', (line: string) => {
    lines += `${stripVTControlCharacters(line)}\n`
  })
  const server = createServer((_request, response) => {
    const https = states.length > 1 ? states.shift() : states[0]
    response.end(JSON.stringify({ status: 'ok', workers: [], https }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, printed: () => lines }
}
