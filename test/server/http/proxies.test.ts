import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import test from 'node:test'
import type { Limits } from '../../../server/http/limits.ts'
import { isNetwork, TrustedProxies } from '../../../server/http/proxies.ts'
import { HttpRequest } from '../../../server/http/request.ts'
import { send } from '../../support/http.ts'
import { startApp, startServer } from '../../support/server.ts'

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])

const chains: [peer: string, forwardedFor: string | undefined, client: string][] = [
  ['10.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['fd12::1', '2001:db8::1', '2001:db8::1'],
  ['10.0.0.1', '203.0.113.9, 198.51.100.1', '198.51.100.1'],
  ['10.0.0.1', '203.0.113.9, 198.51.100.1, 192.0.2.7,10.9.9.9', '198.51.100.1'],
  ['10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['10.0.0.1', '198.51.100.1:49152', '198.51.100.1'],
  ['10.0.0.1', '[2001:db8::1]:49152', '2001:db8::1'],
  ['10.0.0.1', '[2001:db8::1]', '2001:db8::1'],
  ['10.0.0.1', undefined, '10.0.0.1'],
  ['10.0.0.1', '', '10.0.0.1'],
  ['10.0.0.1', '198.51.100.1, unknown', '10.0.0.1'],
  ['10.0.0.1', '198.51.100.1, ", "status":1, 192.0.2.7', '192.0.2.7'],
  ['192.0.2.8', '198.51.100.1', '192.0.2.8'],
  ['', '198.51.100.1', ''],
]

for (const [peer, forwardedFor, client] of chains) {
  test(`the client of "${forwardedFor}" from ${peer || 'a Unix socket'} is ${client || 'unknown'}`, () => {
    assert.equal(proxies.clientOf(peer, forwardedFor), client)
  })
}

test('by default no proxy is trusted, not even on this machine', async (t) => {
  assert.equal(new TrustedProxies([]).clientOf('127.0.0.1', '198.51.100.1'), '127.0.0.1')
  const { url, readLog } = await startApp(t, { WRITES_PER_MINUTE: '1' })
  const statuses = [await writeFor(url, '198.51.100.1'), await writeFor(url, '198.51.100.2')]
  assert.deepEqual(statuses, [204, 429])
  assert.doesNotMatch(await readLog(), /198\.51\.100/)
})

test('each client behind a trusted proxy has its own rate and its own address in the log', async (t) => {
  const env = { WRITES_PER_MINUTE: '1', TRUSTED_PROXIES: '127.0.0.1' }
  const { url, readLog } = await startApp(t, env)
  const clients = ['198.51.100.1', '198.51.100.2', '203.0.113.9, 198.51.100.1']
  const statuses = []
  for (const client of clients) statuses.push(await writeFor(url, client))
  assert.deepEqual(statuses, [204, 204, 429])
  const addresses = [...(await readLog()).matchAll(/"address":"([^"]*)"/g)].map(([, text]) => text)
  assert.deepEqual(addresses, ['198.51.100.1', '198.51.100.2', '198.51.100.1'])
})

test('a network is an address or CIDR notation, not wider than a /8', () => {
  for (const text of ['192.0.2.7', '10.0.0.0/8', '192.0.2.7/32', '::1', 'fd00::/8', '::1/128']) {
    assert.ok(isNetwork(text), text)
  }
  const bad = ['', 'proxy', '10.0.0.0/7', '10.0.0.0/33', '10.0.0.0/', '::/0', '::1/129', '10/8']
  for (const text of [...bad, '10.0.0.0/8/8', 'fe80::1%eth0', '10.0.0.0/1e1']) {
    assert.ok(!isNetwork(text), text)
  }
})

const origins: [peer: string, headers: Record<string, string>, origin: string][] = [
  ['198.51.100.1', {}, 'http://onebox:8080'],
  [
    '198.51.100.1',
    { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example' },
    'http://onebox:8080',
  ],
  ['10.0.0.1', { 'x-forwarded-proto': 'https' }, 'https://onebox:8080'],
  ['10.0.0.1', { 'x-forwarded-proto': 'http, HTTPS' }, 'https://onebox:8080'],
  ['10.0.0.1', { 'x-forwarded-proto': 'javascript' }, 'http://onebox:8080'],
  ['10.0.0.1', { 'x-forwarded-host': 'a"><b' }, 'http://onebox:8080'],
  [
    '10.0.0.1',
    { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'b.example, a.example' },
    'https://a.example',
  ],
]

for (const [peer, headers, origin] of origins) {
  test(`the origin is ${origin} for ${JSON.stringify(headers)} from ${peer}`, () => {
    const socket = { remoteAddress: peer }
    const incoming = { socket, headers: { host: 'onebox:8080', ...headers } }
    const request = new HttpRequest(incoming as unknown as IncomingMessage, {} as ServerResponse, {
      limits: {} as Limits,
      proxies,
    })
    assert.equal(request.origin, origin)
  })
}

test('a connection stays open for KEEP_ALIVE_SECONDS, and the answer says so', async (t) => {
  const url = await startServer(t, { KEEP_ALIVE_SECONDS: '75' })
  const response = await fetch(`${url}/echo`)
  assert.equal(response.headers.get('keep-alive'), 'timeout=75')
})

test('GET /events asks proxies not to buffer', async (t) => {
  const stream = new AbortController()
  t.after(() => stream.abort())
  const response = await fetch(`${await startServer(t)}/events`, { signal: stream.signal })
  assert.equal(response.headers.get('x-accel-buffering'), 'no')
})

async function writeFor(url: string, forwardedFor: string): Promise<number> {
  const response = await send('PUT', url, 'hello', { 'x-forwarded-for': forwardedFor })
  return response.status
}

test('/docs shows the URL of a trusted proxy only', async (t) => {
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example' }
  const trusting = await startServer(t, { TRUSTED_PROXIES: '127.0.0.1' })
  const plain = await startServer(t)
  assert.match(
    await (await fetch(`${trusting}/docs`, { headers })).text(),
    /URL=https:\/\/a\.example\n/,
  )
  assert.doesNotMatch(await (await fetch(`${plain}/docs`, { headers })).text(), /a\.example/)
})
