import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import SQLite from 'better-sqlite3'
import { fill, needsBrowser, openPage, type Page, submit } from '../../support/browser.ts'
import { eventually } from '../../support/eventually.ts'
import { readHeading, send } from '../../support/http.ts'
import { sqliteTest, startApp, startServer } from '../../support/server.ts'

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
  const url = await startServer(t)
  const page = await open(t, url)
  await page.type('hello')
  await page.press('Enter')
  await page.until(says('Saved.'))
  const version = await etagOf(url)
  await page.press('Enter')
  await page.evaluate("document.querySelector('button').click()")
  await page.evaluate("fetch('/echo')")
  assert.equal(await etagOf(url), version)
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

const typedText = "document.querySelector('textarea').value"

test('text typed while a save is under way stays', { skip }, async (t) => {
  const url = await startServer(t)
  const page = await open(t, url)
  await page.type('first')
  await page.evaluate(
    "document.querySelector('form').requestSubmit(); document.execCommand('insertText', false, ' second')",
  )
  await page.until(says('Saved.'))
  assert.equal(await page.evaluate(typedText), 'first second')
  assert.equal(await readHeading(url), 'first')
})

test('the present string can be edited, and text that is not saved is never replaced by it', {
  skip,
}, async (t) => {
  const url = await startServer(t)
  await send('PUT', url, 'one\ntwo')
  const page = await open(t, url)
  await page.until(shows('one\ntwo'))
  await page.evaluate(`${edit}.click()`)
  assert.equal(await page.evaluate(typedText), 'one\ntwo')
  await page.evaluate(`${edit}.click()`)
  await page.until(says('The field has text that is not saved'))
  await page.type('!')
  await page.press('Enter')
  await page.until(says('Saved.'))
  assert.equal(await readHeading(url), 'one\ntwo!')
})

const edit = "document.querySelector('form a')"

test('two tabs show the same string, when it was saved, and undo only their own change', {
  skip,
}, async (t) => {
  const url = await startServer(t)
  const [one, two] = await Promise.all([open(t, url), open(t, url)])
  assert.equal(await one.evaluate(`${saved}.hidden`), true)
  await one.type('from one')
  await one.press('Enter')
  for (const page of [one, two]) {
    await page.until(shows('from one'))
    await page.until(
      `!${saved}.hidden && Date.now() - new Date(${saved}.lastElementChild.dateTime) < 3600000`,
    )
  }
  assert.equal(await two.evaluate(`${undo}.hidden`), true)
  await one.evaluate(`${undo}.click()`)
  await two.until(shows('dynamic string'))
})

const saved = "document.getElementById('saved')"

test('without JavaScript, the form saves, keeps what was typed after an error, and edits', {
  skip,
}, async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'secret' })
  const page = await openPage(t, url)
  await page.command('Emulation.setScriptExecutionDisabled', { value: true })
  await page.command('Page.navigate', { url: `${url}/?` })
  await page.until(`location.search === '' && ${saved} !== null`)
  await fill(page, '/edit', { string: '\n<b>one</b>\ntwo', token: 'wrong' })
  await submit(page, '/edit')
  await page.until(
    "document.querySelector('[role=alert]')?.textContent.includes('token is not valid')",
  )
  assert.equal(await page.evaluate(typedText), '\n<b>one</b>\ntwo')
  await fill(page, '/edit', { token: 'secret' })
  await submit(page, '/edit')
  await page.until("location.pathname === '/' && document.querySelector('h1') !== null")
  assert.equal(await readHeading(url), '\n&lt;b&gt;one&lt;/b&gt;\ntwo')
  await page.evaluate(`${edit}.click()`)
  await page.until("location.pathname === '/edit' && document.querySelector('textarea') !== null")
  assert.equal(await page.evaluate(typedText), '\n<b>one</b>\ntwo')
})

test('a form that edits an older string says so, and replaces it when it is sent again', async (t) => {
  const url = await startServer(t)
  const version = versionIn(await (await fetch(`${url}/edit`)).text())
  await send('PUT', url, 'theirs')
  const refused = await post({ string: 'mine', version })
  const page = await refused.text()
  assert.equal(refused.status, 412)
  assert.match(page, /Not saved\. Someone else has changed the string since.*\nmine<\/textarea>/s)
  assert.equal(await readHeading(url), 'theirs')
  const accepted = await post({ string: 'mine', version: versionIn(page) })
  assert.equal(accepted.status, 303)
  assert.equal(accepted.headers.get('location'), '/')
  assert.equal(await readHeading(url), 'mine')

  function post(fields: Record<string, string>) {
    const headers = { accept: 'text/html' }
    const body = new URLSearchParams(fields)
    return fetch(`${url}/edit`, { method: 'POST', body, headers, redirect: 'manual' })
  }
})

async function etagOf(url: string): Promise<string | null> {
  return (await fetch(url)).headers.get('etag')
}

function versionIn(page: string): string {
  return /name="version" value="(\w+)"/.exec(page)?.[1] as string
}

sqliteTest(
  'the page says when the string was saved, unless a release that did not record it saved it',
  async (t) => {
    const { url, dataDir } = await startApp(t)
    const before = Date.now()
    assert.match(await (await fetch(url)).text(), /<p id="saved" hidden>/)
    await send('PUT', url, 'hello')
    const page = await (await fetch(url)).text()
    const [, at = ''] =
      /<p id="saved">Saved on <time datetime="([^"]+)">[^<]+ UTC<\/time>/.exec(page) ?? []
    assert.ok(Date.parse(at) >= before - 1 && Date.parse(at) <= Date.now(), at)
    const release = new SQLite(join(dataDir, 'onebox.db'))
    release.exec("UPDATE saved_string SET value = 'old', version = lower(hex(randomblob(8)))")
    release.close()
    assert.match(await (await fetch(url)).text(), /is old<\/h1>\n<p id="saved" hidden>/)
  },
)

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
