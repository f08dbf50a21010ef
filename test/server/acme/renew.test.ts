import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { type RenewOptions, renew, type State } from '../../../server/acme/renew.ts'
import { certificateId } from '../../../server/acme/renewal-info.ts'
import { readCertificate } from '../../../server/tls/certificate.ts'
import { type Behaviour, startAcmeServer } from '../../support/acme-server.ts'
import { authorityKey, makeCertificate } from '../../support/certificates.ts'
import { makeDataDir } from '../../support/server.ts'

const address = '203.0.113.10'
const minute = 60_000
const hour = 60 * minute
const realNow = Date.now

/** An instance with its folder, and an authority. */
async function start(t: TestContext, behaviour: Partial<Behaviour> = {}) {
  const dir = join(makeDataDir(), 'tls')
  mkdirSync(dir)
  const acme = await startAcmeServer(t, join(dir, 'challenges'))
  Object.assign(acme.behave, behaviour)
  const options = { dir, directoryUrl: acme.directoryUrl, roots: [acme.root], names: [address] }
  let passedMs = 0
  t.mock.method(Date, 'now', () => realNow() + passedMs)
  const state = (): State => JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8'))
  const certificate = () => readFileSync(join(dir, 'certificate.pem'), 'utf8')
  return {
    acme,
    dir,
    state,
    certificate,
    run: (more: Partial<RenewOptions> = {}) => renew({ ...options, ...more }),
    /** Lets time pass. */
    wait: (ms: number) => {
      passedMs += ms
    },
  }
}

/** What follows a line's `next try at`. */
const minutesUntil = (time: string) => Math.round((Date.parse(time) - Date.now()) / minute)

test('the first run orders a certificate for the address, with the profile named', async (t) => {
  const { acme, run, state, certificate, dir } = await start(t)
  assert.match((await run()) ?? '', /^The certificate for 203\.0\.113\.10 is valid until 20/)
  assert.deepEqual(acme.orders, [{ names: [address], profile: 'shortlived' }])
  assert.deepEqual(readCertificate(certificate()).names, [address])
  const { names, problem, failures, nextTryAt } = state()
  assert.deepEqual(
    { names, problem, failures },
    { names: [address], problem: undefined, failures: 0 },
  )
  assert.equal(Math.round(minutesUntil(nextTryAt) / 60), 79, 'half of 160 hours, backdated by one')
  const modeOf = (name: string) => (statSync(join(dir, name)).mode & 0o777).toString(8)
  assert.deepEqual(['account.pem', 'certificate.pem', 'state.json'].map(modeOf), [
    '600',
    '640',
    '640',
  ])
})

test('a run that is not due asks nobody', async (t) => {
  const { acme, run } = await start(t)
  await run()
  await run()
  const { length } = acme.requests
  assert.equal(await run(), undefined)
  assert.equal(acme.requests.length, length)
  assert.equal(acme.orders.length, 1)
})

test('another machine with the same folder orders nothing anew', async (t) => {
  const { acme, run, dir, certificate } = await start(t)
  await run()
  const before = certificate()
  writeFileSync(join(dir, 'state.json'), 'torn')
  await run()
  assert.equal(certificate(), before)
  assert.equal(acme.orders.length, 1)
})

test('half of the lifetime later it is renewed with a new key, and names what it replaces', async (t) => {
  const { acme, run, wait, certificate } = await start(t, { window: [30 * hour, 40 * hour] })
  await run()
  const before = certificate()
  await run()
  wait(81 * hour)
  await run()
  assert.equal(acme.orders.length, 2)
  assert.equal(
    acme.orders[1]?.replaces,
    certificateId(before.slice(before.indexOf('-----BEGIN C'))),
  )
  assert.notEqual(certificate().slice(0, 200), before.slice(0, 200))
})

test('the authority chooses when to renew, within half of the lifetime, and the moment stays', async (t) => {
  const { acme, run, state, wait } = await start(t, { window: [30 * hour, 40 * hour] })
  await run()
  await run()
  const chosen = state().nextTryAt
  assert.ok(minutesUntil(chosen) >= 30 * 60 && minutesUntil(chosen) <= 40 * 60)
  acme.behave.window = [25 * hour, 39.9 * hour]
  wait(3 * hour)
  await run()
  const asked = acme.requests.filter((request) => request.startsWith('GET /renewal-info/'))
  assert.equal(asked.length, 2, 'as often as Retry-After says')
  const still = state().nextTryAt
  acme.behave.window = [500 * hour, 600 * hour]
  wait(6 * hour)
  await run()
  assert.ok(minutesUntil(state().nextTryAt) <= 80 * 60, 'a late window is cut at half')
  acme.behave.window = [-2 * hour, -hour]
  wait(6 * hour)
  await run()
  await run()
  assert.equal(acme.orders.length, 2, 'a window that is over, as after a revocation, means now')
  assert.ok(still === chosen || Date.parse(still) > Date.now())
})

test('a replaced certificate is named once only', async (t) => {
  const { acme, run, wait } = await start(t, { window: [30 * hour, 40 * hour] })
  await run()
  acme.behave.intercept = (request) =>
    request === 'POST /finalize/1' ? { status: 403, type: 'badCSR' } : undefined
  wait(81 * hour)
  await run()
  wait(2 * hour)
  await run()
  const named = acme.orders.map(({ replaces }) => replaces !== undefined)
  assert.deepEqual(named, [false, true, false])
})

test('an authority that knows of another replacement gets the order without', async (t) => {
  const { acme, run, wait, state } = await start(t, { window: [30 * hour, 40 * hour] })
  await run()
  acme.behave.intercept = (_request, payload) =>
    payload.replaces ? { status: 409, type: 'alreadyReplaced' } : undefined
  wait(81 * hour)
  await run()
  assert.equal(acme.issued.length, 2)
  assert.equal(state().problem, undefined)
})

test('429 is written down with its time, and nothing is asked before', async (t) => {
  const { acme, run, state, wait } = await start(t)
  const headers = { 'Retry-After': String(5 * 3600) }
  acme.behave.intercept = (request) =>
    request === 'POST /new-order' ? { status: 429, type: 'rateLimited', headers } : undefined
  assert.match(
    (await run()) ?? '',
    /^The certificate authority refused: refused as rateLimited; next/,
  )
  assert.equal(minutesUntil(state().nextTryAt), 300)
  const { length } = acme.requests
  wait(4 * hour)
  assert.equal(await run(), undefined)
  assert.equal(acme.requests.length, length)
  acme.behave.intercept = () => undefined
  wait(1.1 * hour)
  await run()
  assert.equal(acme.issued.length, 1)
  assert.equal(state().problem, undefined)
})

test('failures are written down, and tried again ever more rarely', async (t) => {
  const { run, state, wait } = await start(t)
  const waits: number[] = []
  for (let attempt = 1; attempt <= 7; attempt += 1) {
    await run({ directoryUrl: 'https://127.0.0.1:1/directory' })
    assert.equal(state().problem, '127.0.0.1:1 cannot be reached (ECONNREFUSED)')
    waits.push(minutesUntil(state().nextTryAt))
    wait(minutesUntil(state().nextTryAt) * minute + minute)
  }
  assert.deepEqual(waits, [2, 10, 30, 60, 180, 360, 360])
})

test('a renewal that fails leaves the certificate, and a later one succeeds', async (t) => {
  const { acme, run, state, wait, certificate } = await start(t)
  await run()
  const before = certificate()
  acme.behave.intercept = () => ({ status: 503, type: 'serverInternal' })
  wait(81 * hour)
  await run()
  assert.equal(certificate(), before)
  assert.match(state().problem ?? '', /refused as serverInternal/)
  acme.behave.intercept = () => undefined
  wait(3 * minute)
  await run()
  assert.notEqual(certificate(), before)
})

test('an expired certificate is replaced', async (t) => {
  const { run, wait, certificate } = await start(t)
  await run()
  wait(30 * 24 * hour)
  await run()
  assert.ok(readCertificate(certificate()).notAfter > Date.now())
})

test('a new address gets a certificate at once, and the old one stays meanwhile', async (t) => {
  const { acme, run, certificate, state } = await start(t)
  await run()
  const before = certificate()
  acme.behave.intercept = () => ({ status: 503, type: 'serverInternal' })
  await run({ names: ['203.0.113.11'] })
  assert.equal(certificate(), before)
  assert.deepEqual(state().names, ['203.0.113.11'])
  acme.behave.intercept = () => undefined
  await run({ names: ['203.0.113.12'] })
  assert.deepEqual(readCertificate(certificate()).names, ['203.0.113.12'])
})

test('a domain joins the address in one certificate, and leaves without a new order', async (t) => {
  const { acme, run, certificate, state } = await start(t)
  const problem = 'onebox.example does not point to 203.0.113.10 yet'
  await run({ leftOut: ['onebox.example'], problem })
  assert.deepEqual(state().leftOut, ['onebox.example'])
  await run({ names: [address, 'onebox.example'] })
  assert.equal(state().leftOut, undefined)
  assert.deepEqual(readCertificate(certificate()).names, [address, 'onebox.example'])
  await run()
  await run({ names: [address, 'onebox.example'] })
  assert.equal(acme.orders.length, 2)
})

test('another authority is asked at once', async (t) => {
  const { run, certificate, dir } = await start(t)
  await run()
  const before = certificate()
  const other = await startAcmeServer(t, join(dir, 'challenges'))
  await run({ directoryUrl: other.directoryUrl, roots: [other.root] })
  assert.notEqual(certificate(), before)
  assert.equal(other.orders.length, 1)
})

const untrue: [what: string, behaviour: Partial<Behaviour>, problem: RegExp][] = [
  ['without our profile', { profiles: ['classic'] }, /does not offer the profile shortlived/],
  [
    'that gives another profile',
    { lifetimeMs: 1826 * 24 * hour },
    /is for 1826 days, so it is not/,
  ],
  ['that certifies other names', { names: ['203.0.113.9'] }, /does not cover 203\.0\.113\.10/],
]

for (const [what, behaviour, problem] of untrue) {
  test(`nothing is installed from an authority ${what}`, async (t) => {
    const { run, state, certificate } = await start(t, behaviour)
    await run()
    assert.match(state().problem ?? '', problem)
    assert.throws(certificate)
  })
}

test('half of all nonces refused is no problem', async (t) => {
  const { acme, run } = await start(t)
  let count = 0
  acme.behave.intercept = (request) => {
    count += 1
    return request.startsWith('POST') && count % 2 === 0
      ? { status: 400, type: 'badNonce' }
      : undefined
  }
  await run()
  assert.equal(acme.issued.length, 1)
})

test('a failed check of the address is explained, and leaves no challenge behind', async (t) => {
  const { acme, run, state, dir } = await start(t)
  acme.behave.intercept = (request) => {
    if (request.startsWith('POST /challenge')) writeFileSync(join(dir, 'challenges/token-0-0'), 'x')
    return undefined
  }
  await run()
  assert.match(state().problem ?? '', /^The order failed/)
  assert.throws(() => statSync(join(dir, 'challenges/token-0-0')))
  assert.throws(() => statSync(join(dir, 'order.json')), 'the next attempt begins anew')
})

for (const minutes of [60, -60]) {
  test(`a clock ${minutes} minutes from that of the authority is a warning, and no reason to wait`, async (t) => {
    const { run, state, certificate } = await start(t, { clockAheadMs: minutes * minute })
    await run()
    assert.deepEqual(readCertificate(certificate()).names, [address])
    const direction = minutes > 0 ? 'behind' : 'ahead'
    assert.equal(state().problem, `The clock of this machine is 60 minutes ${direction}`)
  })
}

test('an answer without end, or of the wrong kind, is an error like any other', async (t) => {
  const { acme, run, state } = await start(t)
  acme.behave.intercept = () => ({ status: 200, type: 'x'.repeat(2 ** 21) })
  await run()
  assert.match(state().problem ?? '', /./)
  assert.equal(state().failures, 1)
})

test('the id of a certificate has the leading zero that its serial number needs', () => {
  const issuer = Buffer.from('69885b6b87464041e1b37b847bd0ae2cde01c8d4', 'hex')
  const extensions = [authorityKey(issuer)]
  const serial = Buffer.from('0087654321', 'hex')
  const { cert } = makeCertificate(['a.example'], { extensions, serial })
  assert.equal(new X509Certificate(cert).serialNumber, '87654321', 'without its zero')
  // The example of RFC 9773, 4.1.
  assert.equal(certificateId(cert), 'aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyE')
  assert.equal(certificateId(makeCertificate(['a.example']).cert), undefined)
})
