import assert from 'node:assert/strict'
import test from 'node:test'
import { escapeHtml } from '../../../server/http/html.ts'
import { needsBrowser, openPage } from '../../support/browser.ts'
import { send } from '../../support/http.ts'
import { load } from '../../support/movies.ts'
import { startServer } from '../../support/server.ts'

const hostile = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</textarea></title><b>&amp;',
]
const browser = { headers: { accept: 'text/html' } }

async function prepare(url: string, text: string): Promise<string[]> {
  const query = `year=1933&title=${encodeURIComponent(text)}`
  await send('PUT', url, text)
  const info = {
    plot: text,
    rating: 7,
    actors: [text],
    [text]: text,
    more: [text, { [text]: text }],
  }
  await load(url, [{ year: 1933, title: text, info }])
  const name = encodeURIComponent(text)
  return [
    ...['/', '/edit', '/movies', '/movies?year=1933', `/movies?search=${name}`, `/movies?${query}`],
    ...[`/movies/edit?${query}`, `/hello/${name}`, `/birthdays?username=${name}`, `/${name}`],
    ...['/movies/years.svg', '/movies/ratings.svg'],
  ]
}

/** Forms that are refused, and so show again what was typed. */
function submissions(text: string): [path: string, fields: Record<string, string>][] {
  const movie = { year: text, title: text, plot: text, rating: text, actors: text, version: text }
  return [
    ['/edit', { string: text, token: text, version: text }],
    ['/birthdays', { username: text, dateOfBirth: text, token: text }],
    ['/birthdays/delete', { username: text, token: text }],
    ['/movies/edit', { ...movie, token: text }],
    ['/movies/edit', { year: text, title: text, token: text }],
    ['/movies/delete', { year: text, title: text, token: text }],
  ]
}

function assertHarmless(page: string, text: string, where: string) {
  assert.ok(!page.includes(text), `${where} shows ${text} as it is`)
  assert.doesNotMatch(page, /<script>|<img src=x|<b>| onmouseover='| onerror=alert\(1\)>/, where)
}

for (const text of hostile) {
  test(`${text} is shown as text in every page, form and drawing`, async (t) => {
    const url = await startServer(t)
    let shown = 0
    for (const path of await prepare(url, text)) {
      const page = await (await fetch(url + path, browser)).text()
      assertHarmless(page, text, path)
      if (page.includes(escapeHtml(text))) shown += 1
    }
    assert.ok(shown >= 6, `${shown} pages show it`)
    for (const [path, fields] of submissions(text)) {
      const init = { method: 'POST', body: new URLSearchParams(fields), ...browser }
      const response = await fetch(url + path, init)
      const page = await response.text()
      assert.ok(response.status >= 400, path)
      assertHarmless(page, text, path)
      assert.ok(page.includes(escapeHtml(text)), path)
    }
  })
}

test('hostile text runs nothing in a browser, on any page', { skip: needsBrowser }, async (t) => {
  const url = await startServer(t)
  const page = await openPage(t, `${url}/docs`)
  await page.command('Page.addScriptToEvaluateOnNewDocument', {
    source: 'window.alert = () => { document.title = "It ran" }',
  })
  for (const text of hostile) {
    for (const path of await prepare(url, text)) {
      await page.command('Page.navigate', { url: url + path })
      await page.until(
        `document.readyState === 'complete' && location.href === ${JSON.stringify(new URL(url + path).href)}`,
      )
      await page.evaluate("document.querySelector('main')?.dispatchEvent(new Event('mouseover'))")
      assert.notEqual(await page.evaluate('document.title'), 'It ran', path)
      assert.equal(
        await page.evaluate("document.querySelectorAll('main script, main b').length"),
        0,
      )
    }
    await send('DELETE', `${url}/movies?year=1933&title=${encodeURIComponent(text)}`)
  }
})
