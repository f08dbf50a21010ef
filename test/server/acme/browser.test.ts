import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { renew } from '../../../server/acme/renew.ts'
import { needsBrowser, openPage } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { getSecurely } from '../../support/https.ts'
import { startPebble } from '../../support/pebble.ts'
import { makeDataDir, startApp } from '../../support/server.ts'
import { needs } from '../../support/tools.ts'

test('Chromium opens the bare address without a warning, and a change shows in another tab', {
  skip: needsBrowser || needs('pebble', 'certutil'),
}, async (t) => {
  const dir = join(makeDataDir(), 'tls')
  mkdirSync(dir)
  const env = { TLS_FILE: join(dir, 'certificate.pem'), TLS_PORT: '0', ACME_DIR: dir }
  const { url, securePort } = await startApp(t, env)
  const pebble = await startPebble(t, { httpPort: Number(new URL(url).port) })
  if (!pebble.hasProfiles) return t.skip('needs pebble with profiles')
  const { directoryUrl, root, issuer } = pebble
  await renew({ dir, directoryUrl, roots: [root], names: ['127.0.0.1'] })
  await eventually(async () => {
    return getSecurely(securePort).then(
      () => true,
      () => false,
    )
  })

  const site = `https://127.0.0.1:${securePort}/`
  const stranger = await openPage(t, site, { home: makeDataDir() })
  assert.match(await stranger.evaluate('document.title'), /Privacy error/i)

  const home = trust(issuer)
  const [one, two] = [await openPage(t, site, { home }), await openPage(t, site, { home })]
  for (const page of [one, two]) {
    assert.equal(await page.evaluate('location.href'), site)
    assert.equal(await page.evaluate('isSecureContext'), true)
  }
  await one.evaluate("document.querySelector('[name=string], textarea, input').focus()")
  await one.evaluate("document.querySelector('[name=string], textarea, input').select()")
  await one.type('over HTTPS')
  await one.press('Enter')
  await two.until("document.querySelector('h1').textContent === 'The saved string is over HTTPS'")
})

/** A home whose browsers trust an authority. */
function trust(issuer: string): string {
  const home = makeDataDir()
  const database = join(home, '.pki/nssdb')
  mkdirSync(database, { recursive: true })
  writeFileSync(join(home, 'issuer.pem'), issuer)
  const run = (...args: string[]) => execFileSync('certutil', ['-d', `sql:${database}`, ...args])
  run('-N', '--empty-password')
  run('-A', '-t', 'C,,', '-n', 'pebble', '-i', join(home, 'issuer.pem'))
  return home
}
