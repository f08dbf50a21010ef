import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { needsBrowser, openPage } from './browser.ts'
import type { Lifetime } from './lifetime.ts'
import { makeDataDir } from './server.ts'
import { needs } from './tools.ts'

/** What `changeInTwoTabs` needs; for `skip`. */
export const needsSecureBrowser = needsBrowser || needs('certutil')

/**
 * Opens a site in two browsers that trust its issuer, without a warning, and sees in the second what
 * is typed into the first. Returns a picture of the second.
 */
export async function changeInTwoTabs(t: Lifetime, site: string, issuer: string): Promise<Buffer> {
  const home = homeTrusting(issuer)
  const [one, two] = [await openPage(t, site, { home }), await openPage(t, site, { home })]
  for (const page of [one, two]) {
    assert.equal(await page.evaluate('location.href'), site)
    assert.equal(await page.evaluate('isSecureContext'), true)
  }
  await one.evaluate("document.querySelector('[name=string]').select()")
  await one.type('over HTTPS')
  await one.press('Enter')
  await two.until("document.querySelector('h1').textContent === 'The saved string is over HTTPS'")
  const { data } = await two.command('Page.captureScreenshot')
  return Buffer.from(data as string, 'base64')
}

/** A home whose browsers trust an authority. */
function homeTrusting(issuer: string): string {
  const home = makeDataDir()
  const database = join(home, '.pki/nssdb')
  mkdirSync(database, { recursive: true })
  writeFileSync(join(home, 'issuer.pem'), issuer)
  const run = (...args: string[]) => execFileSync('certutil', ['-d', `sql:${database}`, ...args])
  run('-N', '--empty-password')
  run('-A', '-t', 'C,,', '-n', 'pebble', '-i', join(home, 'issuer.pem'))
  return home
}
