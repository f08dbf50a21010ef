import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { readConfig } from '../../server/config.ts'
import { settings } from '../../server/settings.ts'
import { makeDataDir } from '../support/server.ts'

type Env = Record<string, string>
const read = (env: Env = {}, releaseDir = '/srv/onebox') => readConfig(env, releaseDir)
const tokens = (env: Env) => read(env).tokenHashes.map((digest) => digest.toString('hex'))
const sha256 = (text: string) => hash('sha256', text)

test('without variables the server listens on loopback only, without a token', () => {
  const config = read()
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8080 })
  assert.equal(config.dataDir, resolve('data'))
  assert.deepEqual(config.tokenHashes, [])
  assert.equal(config.openWrites, false)
  assert.equal(config.timeZone, 'UTC')
  assert.equal(config.releaseId, 'dev')
  assert.equal(config.logLevel, 'info')
  assert.equal(config.worker, '0')
  assert.equal(config.workers, availableParallelism())
  assert.deepEqual(config.workerNames, ['0'], 'without pm2 there are no others')
  assert.equal(config.connectionLimit, 2000)
  assert.equal(config.writesPerMinute, 0)
  assert.equal(config.backupsKept, 7)
  assert.equal(config.keepAliveTimeoutMs, 5000)
  assert.deepEqual([config.drainIdleMs, config.drainExtraMs], [5500, 0])
  assert.deepEqual(config.trustedProxies, [])
})

test('an empty variable counts as unset', () => {
  const all = [...Object.keys(settings), 'LISTEN_FDS', 'NODE_APP_INSTANCE']
  const env = Object.fromEntries(all.map((name) => [name, '']))
  assert.deepEqual(read(env), read())
})

test('every variable is read', () => {
  const config = read({
    PORT: '80',
    HOST: '::1',
    DATA_DIR: '/var/lib/onebox',
    TIME_ZONE: 'Europe/Berlin',
    WEB_CONCURRENCY: '3',
    RELEASE_ID: 'abc',
    LOG_LEVEL: 'error',
    NODE_APP_INSTANCE: '2',
    CONNECTION_LIMIT: '10',
    WRITES_PER_MINUTE: '60',
    BACKUPS_KEPT: '30',
    KEEP_ALIVE_SECONDS: '75',
    TRUSTED_PROXIES: '192.0.2.7, 10.0.0.0/8,fd00::/8',
  })
  assert.deepEqual(config.listen, { host: '::1', port: 80 })
  assert.equal(config.dataDir, '/var/lib/onebox')
  assert.equal(config.timeZone, 'Europe/Berlin')
  assert.equal(config.workers, 3)
  assert.deepEqual(config.workerNames, ['0', '1', '2'])
  assert.equal(config.releaseId, 'abc')
  assert.equal(config.logLevel, 'error')
  assert.equal(config.worker, '2')
  assert.equal(config.connectionLimit, 10)
  assert.equal(config.writesPerMinute, 60)
  assert.equal(config.backupsKept, 30)
  assert.equal(config.keepAliveTimeoutMs, 75_000)
  assert.ok(config.drainIdleMs < config.drainTimeoutMs / 2, 'a restart is not cut short')
  assert.ok(config.drainIdleMs + config.drainExtraMs > config.keepAliveTimeoutMs)
  assert.deepEqual(config.trustedProxies, ['192.0.2.7', '10.0.0.0/8', 'fd00::/8'])
})

test('pm2 gives a worker time for the longest drain', () => {
  const { drainTimeoutMs, drainExtraMs } = read({ KEEP_ALIVE_SECONDS: '3600' })
  const ecosystem = createRequire(import.meta.url)('../../server/ecosystem.config.cjs')
  const [{ kill_timeout }] = ecosystem.apps
  assert.ok(kill_timeout > drainTimeoutMs + drainExtraMs + 2000)
})

const refused: [name: string, value: string, rule: RegExp][] = [
  [
    'PORT',
    'http',
    /^PORT must be an integer from 0 to 65535, got "http": leave it out for the default, 8080$/,
  ],
  ['PORT', '65536', /an integer from 0 to 65535, got "65536"/],
  ['PORT', '-1', /an integer from 0 to 65535, got "-1"/],
  ['PORT', '80.5', /an integer from 0 to 65535, got "80.5"/],
  ['PORT', '1e3', /an integer from 0 to 65535, got "1e3"/],
  ['LISTEN_FDS', 'two', /an integer from 0 to 16, got "two"/],
  ['WEB_CONCURRENCY', '0', /an integer from 1 to 64, got "0"/],
  ['WEB_CONCURRENCY', 'max', /an integer from 1 to 64, got "max"/],
  [
    'CONNECTION_LIMIT',
    '0',
    /an integer from 1 to 100000, got "0": leave it out for the default, 2000/,
  ],
  [
    'WRITES_PER_MINUTE',
    'many',
    /an integer from 0 to 1000000, got "many": leave it out for the default, 0/,
  ],
  ['BACKUPS_KEPT', '0', /an integer from 1 to 1000, got "0": leave it out for the default, 7/],
  [
    'KEEP_ALIVE_SECONDS',
    '0',
    /an integer from 1 to 3600, got "0": leave it out for the default, 5/,
  ],
  ['TRUSTED_PROXIES', '10.0.0.0/33', /must be addresses or networks .*, got "10.0.0.0\/33"/],
  ['TRUSTED_PROXIES', '192.0.2.1,::/0', /of \/8 or smaller, separated by commas, got "::\/0"/],
  ['TRUSTED_PROXIES', '0.0.0.0/0', /got "0.0.0.0\/0": for example 10.0.0.0\/8,2001:db8::1$/],
  ['TRUSTED_PROXIES', 'proxy.local', /got "proxy.local"/],
  ['TLS_PORT', '65536', /an integer from 0 to 65535, got "65536"/],
  [
    'ACME_DIRECTORY',
    'http://ca.example',
    /^ACME_DIRECTORY must be an https URL or none, got "http:/,
  ],
  ['ACME_ROOT', '-----BEGIN', /be certificates in Base64, .*: make one with openssl x509 /],
  ['DOMAIN', 'Example.com', /^DOMAIN must be a domain name in lower case, got "Example.com": for/],
  ['DOMAIN', 'localhost', /got "localhost"/],
  ['DOMAIN', '203.0.113.10', /got "203.0.113.10"/],
  ['DOMAIN', 'https://example.com', /got "https:\/\/example.com"/],
  ['OPEN_WRITES', 'yes', /be true or false, got "yes": use one of them/],
  ['OPEN_WRITES', 'TRUE', /be true or false, got "TRUE"/],
  ['LOG_LEVEL', 'verbose', /be error or info, got "verbose": use one of them/],
  ['TIME_ZONE', 'Mars/Olympus', /an IANA time zone, got "Mars\/Olympus": for example Europe\/Ber/],
  ['NODE_APP_INSTANCE', '../../1', /got "..\/..\/1"/],
]

for (const [name, value, rule] of refused) {
  test(`${name} is refused for "${value}", with the rule and the cure`, () => {
    assert.throws(() => read({ [name]: value }), { message: rule })
    assert.throws(() => read({ [name]: value }), { message: new RegExp(`^${name} must `) })
  })
}

test('an invalid value of several lines is reported in one line', () => {
  assert.throws(() => read({ PORT: '80\nPORT is fine' }), { message: /^PORT must .*$/ })
})

test('WRITE_TOKEN is kept as SHA-256; commas separate several', () => {
  assert.deepEqual(tokens({ WRITE_TOKEN: 'red' }), [sha256('red')])
  assert.deepEqual(tokens({ WRITE_TOKEN: 'red, blue,' }), [sha256('red'), sha256('blue')])
  assert.ok(!JSON.stringify(read({ WRITE_TOKEN: 'secret-red' })).includes('secret-red'))
})

test('WRITE_TOKEN_SHA256 is used as is, together with WRITE_TOKEN', () => {
  const env = { WRITE_TOKEN: 'red', WRITE_TOKEN_SHA256: `${sha256('blue').toUpperCase()}, ` }
  assert.deepEqual(tokens(env), [sha256('red'), sha256('blue')])
})

test('a bad token is refused without being repeated', () => {
  const secrets: [Env, RegExp][] = [
    [{ WRITE_TOKEN: 'correct horse' }, /^WRITE_TOKEN must be printable ASCII without spaces: use/],
    [{ WRITE_TOKEN_SHA256: 'horse' }, /^WRITE_TOKEN_SHA256 must .* entry 1 is not; make one with/],
    [{ WRITE_TOKEN_SHA256: `${sha256('a')},${sha256('horse')}0` }, /entry 2 is not/],
    [{ WRITE_TOKEN: 'horse', OPEN_WRITES: 'true' }, /^OPEN_WRITES must not be true when WRITE_TOK/],
  ]
  for (const [env, message] of secrets) {
    assert.throws(() => read(env), { message })
    assert.throws(
      () => read(env),
      (error: Error) => !/horse/.test(error.message) && !error.message.includes(sha256('horse')),
    )
  }
})

test('a token that no HTTP header can carry as UTF-8 is refused', () => {
  assert.throws(() => read({ WRITE_TOKEN: 'schlüssel' }), { message: /^WRITE_TOKEN must / })
})

test('a server that others can reach needs a token or OPEN_WRITES', () => {
  for (const HOST of ['0.0.0.0', '::', '192.168.0.10']) {
    const message = new RegExp(
      `^WRITE_TOKEN is required because others can reach HOST ${HOST}: set it`,
    )
    assert.throws(() => read({ HOST }), { message })
    assert.throws(() => read({ HOST, OPEN_WRITES: 'false' }), { message })
    assert.throws(() => read({ HOST, WRITE_TOKEN: ' , ' }), { message })
    assert.deepEqual(read({ HOST, OPEN_WRITES: 'true' }).listen, { host: HOST, port: 8080 })
    assert.equal(read({ HOST, WRITE_TOKEN: 'red' }).openWrites, false)
  }
})

test('a server on loopback needs no token', () => {
  for (const HOST of ['127.0.0.1', '::1', 'localhost'])
    assert.equal(read({ HOST }).openWrites, false)
})

test('a systemd socket takes precedence over HOST and PORT, and needs a token', () => {
  const env = { LISTEN_FDS: '1', HOST: '127.0.0.1', PORT: '80' }
  assert.throws(() => read(env), { message: /^WRITE_TOKEN is required .* the systemd socket/ })
  assert.deepEqual(read({ ...env, WRITE_TOKEN: 'red' }).listen, { fd: 3 })
  assert.deepEqual(read({ LISTEN_FDS: '0' }).listen, { host: '127.0.0.1', port: 8080 })
})

test('sockets from systemd are taken by name, whatever their order', () => {
  const env = { LISTEN_FDS: '2', OPEN_WRITES: 'true', TLS_FILE: '/tls.pem' }
  const places = (LISTEN_FDNAMES: string, more: Env = {}) => {
    const { listen, tls } = read({ ...env, LISTEN_FDNAMES, ...more })
    return [listen, tls]
  }
  const [three, four] = [{ fd: 3 }, { fd: 4 }]
  assert.deepEqual(places('http:https'), [three, { listen: four, file: '/tls.pem' }])
  assert.deepEqual(places('https:http'), [four, { listen: three, file: '/tls.pem' }])
  assert.deepEqual(places('https:onebox.socket'), [four, { listen: three, file: '/tls.pem' }])
  assert.deepEqual(places('onebox.socket', { LISTEN_FDS: '1' }), [three, undefined])
  assert.deepEqual(places('', { LISTEN_FDS: '1' }), [three, undefined])
  assert.deepEqual(places('http:https', { TLS_FILE: '' }), [three, undefined])
  assert.deepEqual(places('http:https', { ACME_DIRECTORY: 'none' }), [three, undefined])
})

test('TLS_FILE opens TLS_PORT on the same host', () => {
  const { tls } = read({ TLS_FILE: 'tls.pem', HOST: '::1' })
  assert.deepEqual(tls, { listen: { host: '::1', port: 8443 }, file: resolve('tls.pem') })
  assert.equal(read({ TLS_PORT: '443' }).tls, undefined)
})

test('the release id comes from RELEASE_ID, else its folder, else release.json', () => {
  const parent = makeDataDir()
  const named = join(parent, sha256('release'))
  mkdirSync(named)
  assert.equal(read({}, named).releaseId, sha256('release'))
  assert.equal(read({ RELEASE_ID: 'mine' }, named).releaseId, 'mine')
  writeFileSync(join(parent, 'release.json'), '{"version": "1.2.3"}')
  assert.equal(read({}, parent).releaseId, '1.2.3')
  writeFileSync(join(parent, 'release.json'), 'torn')
  assert.equal(read({}, parent).releaseId, 'dev')
})
