import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { renew } from '../../../server/acme/renew.ts'
import { openPage } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { getSecurely } from '../../support/https.ts'
import { startPebble } from '../../support/pebble.ts'
import { changeInTwoTabs, needsSecureBrowser } from '../../support/secure-browser.ts'
import { makeDataDir, startApp } from '../../support/server.ts'
import { needs } from '../../support/tools.ts'

test('Chromium opens the bare address without a warning, and a change shows in another tab', {
  skip: needsSecureBrowser || needs('pebble'),
}, async (t) => {
  const dir = join(makeDataDir(), 'tls')
  mkdirSync(dir)
  const env = { TLS_FILE: join(dir, 'certificate.pem'), TLS_PORT: '0', ACME_DIR: dir }
  const { url, securePort } = await startApp(t, env)
  const pebble = await startPebble(t, { httpPort: Number(new URL(url).port) })
  if (!pebble.hasProfiles) return t.skip('needs pebble with profiles')
  const { directoryUrl, own, issuer } = pebble
  await renew({ dir, directoryUrl, roots: [own.cert], names: ['127.0.0.1'] })
  await eventually(async () => {
    return getSecurely(securePort).then(
      () => true,
      () => false,
    )
  })

  const site = `https://127.0.0.1:${securePort}/`
  const stranger = await openPage(t, site, { home: makeDataDir() })
  assert.match(await stranger.evaluate('document.title'), /Privacy error/i)

  await changeInTwoTabs(t, site, issuer)
})
