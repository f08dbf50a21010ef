import assert from 'node:assert/strict'
import test from 'node:test'
import { needsBrowser, openPage } from '../../support/browser.ts'
import { send, sendJson } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

const long = 'wide'.repeat(30)
const env = { RELEASE_ID: 'a'.repeat(64), NODE_APP_INSTANCE: '9999' }

for (const path of [
  '/',
  '/docs',
  '/status',
  '/edit',
  '/birthdays',
  '/movies',
  '/movies/edit',
  `/movies?year=1933&title=${long}`,
  `/hello/${'Ö'.repeat(64)}`,
  `/${long}`,
]) {
  test(`${path.slice(0, 20)} fits a screen of 320 pixels`, { skip: needsBrowser }, async (t) => {
    const url = await startServer(t, env)
    await send('PUT', url, long)
    const info = { plot: long, actors: [long], [long]: [long] }
    await sendJson('POST', `${url}/movies`, { year: 1933, title: long, info })
    await sendJson('PUT', `${url}/hello/${'Ö'.repeat(64)}`, { dateOfBirth: '1990-04-23' })
    const page = await openPage(t, url + path, { width: 320 })
    if (path === '/status') await page.until("document.querySelector('#workers td') !== null")
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 320)
  })
}
