import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { commonStyle } from '../../../server/pages/style.ts'
import { statusScript } from '../../../server/status/page.ts'
import { send } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

async function getPage(t: TestContext, env: Record<string, string> = {}): Promise<string> {
  return (await fetch(`${await startServer(t, env)}/status`)).text()
}

test('GET /status is the same page with and without a token, and contains no data', async (t) => {
  const secret = 'correct-horse'
  const url = await startServer(t)
  const before = await (await fetch(`${url}/status`)).text()
  await send('PUT', url, 'a secret string')
  assert.equal(await (await fetch(`${url}/status`)).text(), before)
  assert.equal(await getPage(t, { WRITE_TOKEN: secret, RELEASE_ID: 'abc' }), before)
})

test('every field, chart and meter has a label', async (t) => {
  const page = await getPage(t)
  const [, id] = /<input id="(\w+)"/.exec(page) ?? []
  assert.ok(page.includes(`<label for="${id}">`))
  for (const [element] of page.matchAll(/<(?:svg|meter)[^>]*>/g)) {
    assert.match(element, /aria-label="\w/)
  }
  for (const [, table = ''] of page.matchAll(/<thead>(.*?)<\/thead>/gs)) {
    assert.doesNotMatch(table, /<th>/)
  }
})

test('without JavaScript the page shows only a note and the links', async (t) => {
  const page = await getPage(t)
  assert.match(page, /<p id="verdict"><\/p>\n<p id="problems"><\/p>/)
  assert.match(page, /<noscript><p>This page needs JavaScript/)
  assert.match(page, /<main hidden>/)
})

test('every meter has a value, and is hidden until it is known', async (t) => {
  const page = await getPage(t)
  const meters = [...page.matchAll(/<meter [^>]*>/g)].map(([element]) => element)
  assert.equal(meters.length, 2)
  for (const meter of meters) assert.match(meter, / hidden value="0" /)
})

test('every element that the script looks for by its id is there, once', async (t) => {
  const page = await getPage(t)
  const ids = [...page.matchAll(/ id="([\w-]+)"/g)].map(([, id]) => id)
  assert.equal(new Set(ids).size, ids.length)
  const wanted = [
    ...(statusScript.body ?? '').matchAll(/(?:setText|byId|fill|renderFree)\("?'?([\w-]+)['"]/g),
  ]
  assert.ok(wanted.length > 10)
  for (const [, id = ''] of wanted) assert.ok(ids.includes(id), id)
})

test('text has a contrast of at least 4.5 to its background, in light and dark mode', () => {
  const [light = '', dark = ''] = commonStyle.match(/:root \{[^}]*\}/g) ?? []
  for (const scheme of [light, dark]) {
    const colors = Object.fromEntries(
      [...scheme.matchAll(/--(\w+): (#[\da-f]+)/g)].map(([, name, color]) => [name, color]),
    )
    for (const text of ['ink', 'soft', 'accent', 'other', 'good', 'warn', 'bad']) {
      for (const ground of ['paper', 'card']) {
        const ratio = contrast(colors[text] as string, colors[ground] as string)
        assert.ok(ratio >= 4.5, `${text} on ${ground} in ${scheme}: ${ratio}`)
      }
    }
  }
})

/** As WCAG 2.2 defines it. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(color: string): number {
  const digits = color.length === 4 ? color.replace(/[\da-f]/g, '$&$&') : color
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(digits.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
