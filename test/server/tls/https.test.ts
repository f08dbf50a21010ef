import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type tls from 'node:tls'
import type { Config } from '../../../server/config.ts'
import type { Health } from '../../../server/operations/health.ts'
import { makeCertificate, replaceFile } from '../../support/certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { getJson } from '../../support/http.ts'
import { getSecurely, ownAddress, shakeHands } from '../../support/https.ts'
import { startProgram } from '../../support/program.ts'
import { converse, rawRequest } from '../../support/raw.ts'
import { makeDataDir, startApp } from '../../support/server.ts'
import { stall } from '../../support/stall.ts'

/** A server that speaks both, with a certificate that may be replaced in `file`. */
async function startSecure(
  t: TestContext,
  { names = ['127.0.0.1'], env = {} as Record<string, string>, overrides = {} as object } = {},
) {
  const file = join(makeDataDir(), 'tls.pem')
  writeFileSync(file, makeCertificate(names).pem)
  const app = await startApp(t, { TLS_FILE: file, TLS_PORT: '0', ...env }, overrides)
  const metric = async (name: string) => {
    const text = await (await fetch(`${app.url}/metrics`)).text()
    return Number(new RegExp(`^${name}\\{.*\\} (.*)$`, 'm').exec(text)?.[1])
  }
  const https = async () => (await getJson<Health>(`${app.url}/healthz`)).https
  return { ...app, file, metric, https }
}

test('the same site answers on both ports', async (t) => {
  const { url, securePort } = await startSecure(t)
  const secure = await getSecurely(securePort, '/movies')
  assert.equal(secure.status, 200)
  assert.equal(secure.body, await (await fetch(`${url}/movies`)).text())
  assert.equal((await getSecurely(securePort, '/docs')).body.includes('https://127.0.0.1:'), true)
})

test('TLS 1.2 and 1.3 are spoken, older versions and ciphers without forward secrecy are not', async (t) => {
  const { securePort, metric } = await startSecure(t)
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { minVersion: version, maxVersion: version }
    const socket = await shakeHands(securePort, options)
    assert.equal(socket.getProtocol(), version)
    socket.destroy()
  }
  const old = { minVersion: 'TLSv1' as const, ciphers: 'DEFAULT@SECLEVEL=0' }
  for (const maxVersion of ['TLSv1', 'TLSv1.1'] as const) {
    await assert.rejects(shakeHands(securePort, { ...old, maxVersion }), /alert|version/)
  }
  const weak = { maxVersion: 'TLSv1.2' as const, ciphers: 'AES128-GCM-SHA256:AES256-SHA' }
  await assert.rejects(shakeHands(securePort, weak), /alert/)
  assert.ok((await metric('onebox_tls_handshake_failures_total')) >= 3)
})

test('key exchanges are post-quantum or elliptic, and none is expensive, also after a renewal', async (t) => {
  const { securePort, file, https } = await startSecure(t)
  const expectThese = async () => {
    for (const ecdhCurve of ['X25519MLKEM768', 'X25519', 'P-256']) {
      ;(await shakeHands(securePort, { ecdhCurve })).destroy()
    }
    for (const ecdhCurve of ['P-384', 'P-521', 'X448', 'ffdhe2048']) {
      await assert.rejects(shakeHands(securePort, { ecdhCurve }), /alert/, ecdhCurve)
    }
  }
  await expectThese()
  replaceFile(file, makeCertificate(['127.0.0.1', 'onebox.example']).pem)
  await eventually(async () => (await https())?.names.length === 2)
  await expectThese()
})

test('a client cannot ask for another handshake, also after a renewal', async (t) => {
  const { securePort, file, https } = await startSecure(t)
  const renegotiate = async () => {
    const socket = await shakeHands(securePort, { maxVersion: 'TLSv1.2' })
    const [error] = await new Promise<unknown[]>((resolve) => {
      socket.on('error', (...args) => resolve(args))
      socket.renegotiate({ rejectUnauthorized: false }, (...args) => resolve(args))
    })
    socket.destroy()
    return String(error)
  }
  assert.match(await renegotiate(), /no.renegotiation/i)
  replaceFile(file, makeCertificate(['127.0.0.1', 'onebox.example']).pem)
  await eventually(async () => (await https())?.names.length === 2)
  assert.match(await renegotiate(), /no.renegotiation/i)
})

test('a name that the certificate does not cover, and none at all, get the site all the same', async (t) => {
  const { securePort } = await startSecure(t)
  for (const servername of ['', 'other.example']) {
    assert.equal((await getSecurely(securePort, '/echo', { servername })).status, 200)
  }
})

test('a renewed certificate serves within seconds, and open connections go on', async (t) => {
  const { securePort, file, https } = await startSecure(t)
  const open = await shakeHands(securePort)
  t.after(() => open.destroy())
  const before = await getSecurely(securePort)
  const renewed = makeCertificate(['127.0.0.1', 'onebox.example'])
  replaceFile(file, renewed.pem)
  await eventually(async () => (await https())?.names.length === 2)
  const after = await getSecurely(securePort)
  assert.notEqual(after.peer.fingerprint256, before.peer.fingerprint256)
  open.write(rawRequest('GET /echo'))
  assert.match(String(await once(open, 'data')), /^HTTP\/1\.1 200 OK/)
  const old = { maxVersion: 'TLSv1.1' as const, minVersion: 'TLSv1' as const }
  await assert.rejects(
    shakeHands(securePort, { ...old, ciphers: 'DEFAULT@SECLEVEL=0' }),
    /alert|version/,
    'every option is given again',
  )
})

const bad: [what: string, content: () => string, reason: RegExp][] = [
  ['empty', () => '', /empty/],
  ['half written', () => makeCertificate(['127.0.0.1']).pem.slice(0, 400), /cut short/],
  [
    'of another key',
    () => makeCertificate(['127.0.0.1']).key + makeCertificate(['127.0.0.1']).cert,
    /another private key/,
  ],
  [
    'expired',
    () => makeCertificate(['127.0.0.1'], { notAfter: Date.now() - 1000 }).pem,
    /expired at/,
  ],
  [
    'of another address',
    () => makeCertificate(['203.0.113.9']).pem,
    /for 203\.0\.113\.9 and not for 127\.0\.0\.1/,
  ],
]

for (const [what, content, reason] of bad) {
  test(`a certificate file that is ${what} is refused and named, and the old one serves on`, async (t) => {
    const acmeDir = makeDataDir()
    writeFileSync(join(acmeDir, 'state.json'), JSON.stringify({ names: ['127.0.0.1'] }))
    const { securePort, file, https, readLog } = await startSecure(t, {
      env: { ACME_DIR: acmeDir },
    })
    const { peer } = await getSecurely(securePort)
    replaceFile(file, content())
    await eventually(async () => reason.test((await https())?.problem ?? ''))
    assert.equal((await getSecurely(securePort)).peer.fingerprint256, peer.fingerprint256)
    assert.match(await readLog(), /"level":"error".*"message":"certificate refused"/)
    assert.deepEqual((await https())?.names, ['127.0.0.1'])

    replaceFile(file, makeCertificate(['127.0.0.1']).pem)
    await eventually(async () => (await https())?.problem === undefined)
    assert.notEqual((await getSecurely(securePort)).peer.fingerprint256, peer.fingerprint256)
  })
}

test('before the first certificate 443 refuses, port 80 answers, and then both do', async (t) => {
  const acmeDir = makeDataDir()
  const file = join(acmeDir, 'tls.pem')
  const env = { TLS_FILE: file, TLS_PORT: '0', ACME_DIR: acmeDir }
  const { url, securePort, readLog } = await startApp(t, env)
  await assert.rejects(getSecurely(securePort))
  const { https } = await getJson<Health>(`${url}/healthz`)
  assert.deepEqual(https, { names: [], problem: 'There is no certificate file' })
  assert.doesNotMatch(await readLog(), /"level":"error"/)
  replaceFile(file, makeCertificate(['127.0.0.1']).pem)
  await eventually(async () => {
    return await getSecurely(securePort).then(
      ({ status }) => status === 200,
      () => false,
    )
  })
})

test('GET /healthz says why the ACME client failed last, and when it tries again', async (t) => {
  const acmeDir = makeDataDir()
  const state = {
    names: ['127.0.0.1'],
    leftOut: ['onebox.example'],
    problem: 'The authority does not answer',
    nextTryAt: '2026-11-28T12:00:00.000Z',
  }
  writeFileSync(join(acmeDir, 'state.json'), JSON.stringify(state))
  const { https } = await startSecure(t, { env: { ACME_DIR: acmeDir } })
  const { expiresAt, ...rest } = { ...(await https()) }
  assert.deepEqual(rest, state)
  assert.ok(Date.parse(expiresAt ?? '') > Date.now())
  writeFileSync(join(acmeDir, 'state.json'), '{"names": ["127.')
  assert.equal((await https())?.problem, undefined)
})

test('/metrics has the expiry of the certificate in use, and counts failed handshakes', async (t) => {
  const { securePort, metric, file, readLog } = await startSecure(t)
  const expiry = await metric('onebox_certificate_expiry_timestamp_seconds')
  const days = (expiry - Date.now() / 1000) / 86_400
  assert.ok(days > 6 && days < 7, `${days} days: ${readFileSync(file, 'utf8').length} bytes`)
  const garbage = [Buffer.alloc(2000, 'garbage'), rawRequest('GET /'), Buffer.of(22, 3, 1, 2, 0, 1)]
  for (const bytes of garbage) {
    const socket = net.connect(securePort, '127.0.0.1', () => socket.end(bytes))
    socket.on('error', () => {}).resume()
    await once(socket, 'close')
  }
  await eventually(async () => (await metric('onebox_tls_handshake_failures_total')) === 3)
  assert.equal((await getSecurely(securePort)).status, 200)
  assert.doesNotMatch(await readLog(), /"level":"error"/)
})

test('without TLS_FILE there is nothing about HTTPS in /healthz and /metrics', async (t) => {
  const { url } = await startApp(t)
  assert.equal((await getJson<Health>(`${url}/healthz`)).https, undefined)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  assert.doesNotMatch(metrics, /certificate|tls/)
})

test('sessions resume at another worker, after a renewal, and not with other keys', async (t) => {
  const one = await startSecure(t)
  const env = { DATA_DIR: one.dataDir, NODE_APP_INSTANCE: '1' }
  const two = await startSecure(t, { env })
  const stranger = await startSecure(t)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    replaceFile(two.file, makeCertificate(['127.0.0.1', `${maxVersion}.example`]).pem)
    await eventually(
      async () => (await two.https())?.names[1] === `${maxVersion}.example`.toLowerCase(),
    )
    const session = await sessionOf(one.securePort, maxVersion)
    assert.equal(await resumes(one.securePort, session, maxVersion), true)
    assert.equal(await resumes(two.securePort, session, maxVersion), true)
    assert.equal(await resumes(stranger.securePort, session, maxVersion), false)
  }
})

async function sessionOf(port: number, maxVersion: tls.SecureVersion): Promise<Buffer> {
  const socket = await shakeHands(port, { maxVersion })
  const session = once(socket, 'session')
  socket.end(rawRequest('GET /echo', ['Connection: close']))
  socket.resume()
  const known = maxVersion === 'TLSv1.2' ? socket.getSession() : undefined
  return known ?? ((await session)[0] as Buffer)
}

async function resumes(port: number, session: Buffer, maxVersion: tls.SecureVersion) {
  const socket = await shakeHands(port, { session, maxVersion })
  const reused = socket.isSessionReused()
  socket.destroy()
  return reused
}

test('the connection limit counts both ports together', async (t) => {
  const { url, securePort, metric } = await startSecure(t, { env: { CONNECTION_LIMIT: '4' } })
  const plain = await converse(t, url)
  const secure = await Promise.all([shakeHands(securePort), shakeHands(securePort)])
  t.after(() => secure.forEach((socket) => void socket.destroy()))
  assert.equal(await metric('onebox_connections'), 4, 'fetch holds the fourth')
  await assert.rejects(shakeHands(securePort))
  plain.socket.destroy()
  await eventually(async () => (await metric('onebox_connections')) === 3)
  const another = await shakeHands(securePort)
  await assert.rejects(converse(t, url).then(({ until }) => until(/./)))
  another.destroy()
  assert.ok((await metric('onebox_connections_dropped_total')) >= 2)
})

test('connections that never shake hands end by themselves, and a drain waits no longer', async (t) => {
  const overrides: Partial<Config> = {
    ...{ handshakeTimeoutMs: 500, drainIdleMs: 200, drainTimeoutMs: 600_000 },
    keepAliveTimeoutMs: 600_000,
  }
  const { securePort, drain, server } = await startSecure(t, { overrides })
  const silent = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = net.connect(securePort, '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      return socket
    }),
  )
  const ends = silent.map((socket) => once(socket, 'close'))
  const idle = await shakeHands(securePort)
  const idleEnds = once(idle, 'close')
  await drain()
  await Promise.all([...ends, idleEnds])
  assert.equal(server.listening, false)
})

test('a request over TLS that is in progress when the drain starts is answered, and the last', async (t) => {
  const overrides = { drainTimeoutMs: 20_000, drainIdleMs: 15_000, keepAliveTimeoutMs: 15_000 }
  const { securePort, drain } = await startSecure(t, { overrides })
  const socket = await shakeHands(securePort)
  socket.write(rawRequest('PUT /', ['Content-Length: 5', 'Expect: 100-continue']))
  assert.match(String(await once(socket, 'data')), /100 Continue/)
  const drained = drain()
  socket.write('hello')
  assert.match(String(await once(socket, 'data')), /204 No Content\r\n.*Connection: close\r\n/s)
  await drained
  socket.destroy()
})

test('a request over TLS that came during a stall is answered', async (t) => {
  const { securePort } = await startSecure(t, { overrides: { keepAliveTimeoutMs: 100 } })
  const socket = await shakeHands(securePort)
  socket.write(rawRequest('GET /echo'))
  assert.match(String(await once(socket, 'data')), /ECHO/)
  socket.write(rawRequest('GET /echo'))
  stall(1500)
  assert.match(String(await once(socket, 'data')), /ECHO/)
  await once(socket, 'close')
})

test('a file that cannot be used stops the start, naming TLS_FILE', async (t) => {
  const file = join(makeDataDir(), 'tls.pem')
  const start = () => startProgram(t, { TLS_FILE: file, TLS_PORT: '0' })
  await assert.rejects(start, /TLS_FILE \S+tls\.pem cannot be used: There is no certificate file/)
  writeFileSync(file, makeCertificate(['a.example']).cert)
  await assert.rejects(start, /TLS_FILE .* cannot be used: The file has no private key/)
})

test('the program listens on TLS_PORT too, and names it if it is taken', async (t) => {
  const { securePort, file } = await startSecure(t)
  await assert.rejects(
    startProgram(t, { TLS_FILE: file, TLS_PORT: String(securePort) }),
    new RegExp(`TLS_PORT ${securePort} is in use`),
  )
  const { output } = await startProgram(t, { TLS_FILE: file, TLS_PORT: '0' })
  const port = Number(/"secure":\{[^}]*"port":(\d+)/.exec(output())?.[1])
  assert.equal((await getSecurely(port)).status, 200)
})

test('challenges are answered from the folder of the ACME client, and nothing else in it', async (t) => {
  const acmeDir = makeDataDir()
  mkdirSync(join(acmeDir, 'challenges'))
  writeFileSync(join(acmeDir, 'challenges/tok-en_1'), 'tok-en_1.thumbprint')
  writeFileSync(join(acmeDir, 'account.pem'), 'secret')
  const { url } = await startApp(t, { ACME_DIR: acmeDir })
  const folder = `${url}/.well-known/acme-challenge`
  const response = await fetch(`${folder}/tok-en_1`)
  assert.equal(await response.text(), 'tok-en_1.thumbprint')
  assert.equal(response.headers.get('content-type'), 'application/octet-stream')
  const absent = ['other', '..%2Faccount.pem', '%2e%2e', 'a'.repeat(10_000), '%00', '']
  for (const token of absent) {
    assert.equal((await fetch(`${folder}/${token}`)).status, 404, token.slice(0, 20))
  }
  const { socket, until } = await converse(t, url)
  socket.write(rawRequest('GET /.well-known/acme-challenge/../../account.pem'))
  await until(/^HTTP\/1\.1 404 /)
  const without = await startApp(t)
  const there = await fetch(`${without.url}/.well-known/acme-challenge/tok-en_1`)
  assert.equal(there.status, 404)
})

test('from outside, port 80 redirects while the certificate is valid for the host', {
  skip: ownAddress() === undefined && 'this machine has no address but loopback',
}, async (t) => {
  const host = ownAddress() as string
  const { url, securePort, file, https } = await startSecure(t, {
    names: [host],
    env: { HOST: '0.0.0.0', OPEN_WRITES: 'true' },
  })
  const outside = `http://${host}:${new URL(url).port}`
  const get = (path: string, headers = {}) =>
    fetch(`${outside}${path}`, { redirect: 'manual', headers })

  const moved = await get('/movies?limit=2')
  assert.equal(moved.status, 308)
  const location = `https://${host}:${securePort}/movies?limit=2`
  assert.equal(moved.headers.get('location'), location)
  assert.equal(moved.headers.get('cache-control'), 'no-store')
  assert.match(await moved.text(), /add --location/)
  const put = await fetch(outside, { method: 'PUT', body: 'x', redirect: 'manual' })
  assert.equal(put.status, 308)
  const checks = ['certificate', 'backups', 'attention'].map((name) => `/healthz/${name}`)
  const plain = ['/healthz', ...checks, '/metrics', '/metrics?x=1']
  for (const path of plain) {
    assert.notEqual((await get(path)).status, 308, path)
  }
  assert.equal((await get('/.well-known/acme-challenge/token')).status, 404)
  assert.equal((await fetch(`${url}/echo`)).status, 200, 'loopback is left alone')

  replaceFile(file, makeCertificate(['203.0.113.9']).pem)
  await eventually(async () => (await https())?.names[0] === '203.0.113.9')
  assert.equal((await get('/echo')).status, 200, 'the certificate is for another address')

  replaceFile(file, makeCertificate([host]).pem)
  await eventually(async () => (await https())?.names[0] === host)
  assert.equal((await get('/echo')).status, 308)
  const inAMonth = Date.now() + 30 * 86_400_000
  t.mock.method(Date, 'now', () => inAMonth)
  assert.equal((await get('/echo')).status, 200, 'the certificate has expired')
  assert.match((await https())?.problem ?? '', /^The certificate expired at /)
})

test('GET /healthz/certificate fails when the certificate needs attention', async (t) => {
  const { url, file } = await startSecure(t)
  const status = async () => (await fetch(`${url}/healthz/certificate`)).status
  assert.equal(await status(), 200)
  replaceFile(file, makeCertificate(['127.0.0.1'], { notAfter: Date.now() + 47 * 3_600_000 }).pem)
  await eventually(async () => (await status()) === 503)
  const problem = await (await fetch(`${url}/healthz/certificate`)).text()
  assert.match(problem, /The certificate expires at 20\S+: it is not renewed/)
  const without = await startApp(t)
  assert.equal((await fetch(`${without.url}/healthz/certificate`)).status, 200)
})

test('only the domain gets HSTS, and only over TLS', async (t) => {
  const { url, securePort } = await startSecure(t, { env: { DOMAIN: 'onebox.example' } })
  const hstsOf = async (host: string) =>
    (await getSecurely(securePort, '/echo', { headers: { host } })).headers[
      'strict-transport-security'
    ]
  assert.equal(await hstsOf('onebox.example'), 'max-age=86400')
  assert.equal(await hstsOf('ONEBOX.example:8443'), 'max-age=86400')
  for (const host of ['127.0.0.1', 'localhost', 'www.onebox.example']) {
    assert.equal(await hstsOf(host), undefined, host)
  }
  const { socket, until } = await converse(t, url)
  socket.write('GET /echo HTTP/1.1\r\nHost: onebox.example\r\n\r\n')
  assert.doesNotMatch(await until(/ECHO/), /strict-transport-security/i)
})
