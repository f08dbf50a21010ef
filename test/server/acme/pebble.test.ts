import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { renew, type State } from '../../../server/acme/renew.ts'
import type { Health } from '../../../server/operations/health.ts'
import { eventually } from '../../support/eventually.ts'
import { getJson } from '../../support/http.ts'
import { getSecurely } from '../../support/https.ts'
import { startPebble } from '../../support/pebble.ts'
import { makeDataDir, startApp } from '../../support/server.ts'
import { needs } from '../../support/tools.ts'

const skip = needs('pebble')

for (const [nonceReject, authzReuse] of [
  [0, 0],
  [50, 100],
] as const) {
  test(`pebble certifies an address that the server proves, and again to renew (nonces refused ${nonceReject} %, authorizations reused ${authzReuse} %)`, {
    skip,
  }, async (t) => {
    const dir = join(makeDataDir(), 'tls')
    mkdirSync(dir)
    const file = join(dir, 'certificate.pem')
    const env = { TLS_FILE: file, TLS_PORT: '0', ACME_DIR: dir }
    const { url, securePort } = await startApp(t, env)
    const httpPort = Number(new URL(url).port)
    const pebble = await startPebble(t, { httpPort, nonceReject, authzReuse })
    if (!pebble.hasProfiles) return t.skip('needs pebble with profiles')
    const { directoryUrl, own, issuer } = pebble
    const options = { dir, directoryUrl, roots: [own.cert], names: ['127.0.0.1'] }
    const state = (): State => JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8'))

    assert.match((await renew(options)) ?? '', /^The certificate for 127\.0\.0\.1 is valid until/)
    const get = () => getSecurely(securePort, '/echo', { ca: issuer, rejectUnauthorized: true })
    await eventually(
      async () => (await getJson<Health>(`${url}/healthz`)).https?.names.length === 1,
    )
    const first = await get()
    assert.equal(first.body, 'ECHO: GET\n')

    await renew(options)
    const asked = state()
    assert.ok(Date.parse(asked.askAt ?? '') > Date.now(), 'ARI was asked')
    writeFileSync(
      join(dir, 'state.json'),
      JSON.stringify({ ...asked, nextTryAt: new Date(0).toISOString() }),
    )
    assert.match((await renew(options)) ?? '', /^The certificate for 127\.0\.0\.1 is valid until/)
    assert.equal(state().problem, undefined)
    assert.ok(state().replaced, 'pebble took what it replaces')
    await eventually(async () => (await get()).peer.fingerprint256 !== first.peer.fingerprint256)
  })
}
