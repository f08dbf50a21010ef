import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import { needsBrowser, openPage, type Page } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { readHeading, send } from '../../support/http.ts'
import { startApp, startServer } from '../../support/server.ts'

const skip = needsBrowser

async function open(t: TestContext, url: string): Promise<Page> {
  const page = await openPage(t, url)
  await page.until("!document.querySelector('form').hidden")
  await page.evaluate("document.querySelector('textarea').focus()")
  return page
}

const message = "document.querySelector('output').textContent"
const undo = "document.querySelector('[name=undo]')"
const says = (text: string) => `${message}.startsWith(${JSON.stringify(text)})`
const shows = (text: string) =>
  `document.querySelector('h1').textContent === ${JSON.stringify(`The saved string is ${text}`)}`

test('Enter saves, and Enter again changes nothing', { skip }, async (t) => {
  const { url, database } = await startApp(t)
  const page = await open(t, url)
  await page.type('hello')
  await page.press('Enter')
  await page.until(says('Saved.'))
  const version = database.version()
  await page.press('Enter')
  await page.evaluate("document.querySelector('button').click()")
  await page.evaluate("fetch('/echo')")
  assert.equal(database.version(), version)
  assert.equal(await readHeading(url), 'hello')
})

test('an emptied field saves the empty string, and Undo takes that back', { skip }, async (t) => {
  const url = await startServer(t)
  await send('PUT', url, 'one\r\ntwo')
  const page = await open(t, url)
  await page.until(shows('one\r\ntwo'))
  await page.evaluate(`document.querySelector('textarea').dispatchEvent(new Event('input'))`)
  await page.press('Enter')
  await page.until(says('Saved.'))
  assert.equal(await readHeading(url), '')
  await page.evaluate(`${undo}.click()`)
  await page.until(says('Undone.'))
  assert.equal(await readHeading(url), 'one\r\ntwo')
})

test('Undo leaves alone what someone else has saved since', { skip }, async (t) => {
  const url = await startServer(t)
  const page = await open(t, url)
  await page.type('mine')
  await page.press('Enter')
  await page.until(says('Saved.'))
  await send('PUT', url, 'theirs')
  await page.evaluate(`${undo}.click()`)
  await page.until(says('Not undone. Someone else'))
  assert.equal(await page.evaluate(`${undo}.hidden`), true)
  assert.equal(await readHeading(url), 'theirs')
})

for (const [what, token, reason] of [
  ['that is wrong', 'wrong', 'Not saved. The token is not valid'],
  ['that no header can hold', 'пароль', 'Not saved. A token has only ASCII'],
  ['with a space in it', 'two words', 'Not saved. A token has only ASCII'],
] as const) {
  test(`the page reports a token ${what}, in another colour than "Saved."`, {
    skip,
  }, async (t) => {
    const url = await startServer(t, { WRITE_TOKEN: 'secret' })
    const page = await open(t, url)
    await page.type('hello')
    await enterToken(page, token)
    await page.until(says(reason))
    const wrong = await page.evaluate(colour)
    assert.equal(await page.evaluate('document.activeElement.name'), 'token')
    assert.equal(await page.evaluate('document.activeElement.ariaInvalid'), 'true')
    await enterToken(page, ' secret ')
    await page.until(says('Saved.'))
    assert.notEqual(await page.evaluate(colour), wrong)
    assert.equal(await readHeading(url), 'hello')
  })
}

const colour = "getComputedStyle(document.querySelector('output')).color"

async function enterToken(page: Page, token: string) {
  await page.evaluate("document.querySelector('[name=token]').select()")
  await page.type(token)
  await page.press('Enter')
}

test('a lost connection is shown until it is back', { skip }, async (t) => {
  const { url, server } = await startApp(t)
  const page = await open(t, url)
  await page.until("performance.getEntriesByType('resource').length >= 0 && true")
  const { port } = new URL(url)
  server.close()
  server.closeAllConnections()
  await page.until(`${connection}.startsWith('Connection lost')`)
  await page.type('hello')
  await page.press('Enter')
  await page.until(says('No answer from the server.'))
  server.listen(Number(port), '127.0.0.1')
  await page.until(`${connection} === ''`)
})

test('a stream that falls silent is a lost connection, and the page opens another', {
  skip,
}, async (t) => {
  const { server } = await startApp(t)
  const streams: (() => void)[] = []
  const proxy = createServer((request, response) => {
    const pass = () => server.emit('request', request, response)
    if (request.url !== '/events') pass()
    else if (streams.push(pass) === 1) response.writeHead(200, eventStream).write(':\n')
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close().closeAllConnections())
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const page = await openPage(t, url, { hurry: 40 })
  await page.until(`${connection}.startsWith('Connection lost')`)
  await eventually(async () => streams.length === 2)
  streams[1]?.()
  await page.until(`${connection} === ''`)
})

const eventStream = { 'content-type': 'text/event-stream' }
const connection = "document.getElementById('connection').textContent"
