import assert from 'node:assert/strict'
import test from 'node:test'
import { fill, needsBrowser, openPage, submit } from '../../support/browser.ts'
import { sendJson } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

const skip = needsBrowser
const asBrowser = { headers: { accept: 'text/html' } }

const heading = "document.querySelector('h1')?.textContent"

for (const javaScript of [true, false]) {
  test(`a birthday is saved, greeted and deleted in a browser, ${javaScript ? 'with' : 'without'} JavaScript`, {
    skip,
  }, async (t) => {
    const url = await startServer(t, { WRITE_TOKEN: 'secret' })
    const page = await openPage(t, `${url}/birthdays`)
    await page.command('Emulation.setScriptExecutionDisabled', { value: !javaScript })
    await fill(page, '/birthdays', { username: 'Zoë', dateOfBirth: '1990-04-23', token: 'wrong' })
    await submit(page, '/birthdays')
    await page.until("document.querySelector('[role=alert]') !== null")
    assert.equal(await page.evaluate("document.querySelector('[name=username]').value"), 'Zoë')
    assert.equal(
      await page.evaluate("document.querySelector('[name=dateOfBirth]').value"),
      '1990-04-23',
    )
    assert.equal(await page.evaluate('document.activeElement.name'), 'token')
    await fill(page, '/birthdays', { token: 'secret' })
    await submit(page, '/birthdays')
    await page.until(`${heading} === 'Hello, Zoë!'`)
    assert.match(await page.evaluate('location.pathname'), /^\/hello\/Zo%C3%AB$/)
    await page.evaluate("document.querySelectorAll('details')[1].open = true")
    await fill(page, '/birthdays/delete', { token: 'secret' })
    await submit(page, '/birthdays/delete')
    await page.until(`${heading} === 'Deleted'`)
    assert.equal((await fetch(`${url}/hello/Zoë`)).status, 404)
  })
}

test('the greeting waits in words, and never shows the date', async (t) => {
  const url = await startServer(t)
  const today = Temporal.Now.plainDateISO('UTC')
  const cases = [
    [0, 'Happy birthday, Anna!', 'Today is your day.'],
    [1, 'Hello, Anna!', 'Your birthday is tomorrow.'],
    [30, 'Hello, Anna!', 'Your birthday is in 30 days.'],
  ] as const
  for (const [days, title, lead] of cases) {
    const dateOfBirth = today.add({ days }).subtract({ years: 40 }).toString()
    await sendJson('PUT', `${url}/hello/Anna`, { dateOfBirth })
    const page = await (await fetch(`${url}/hello/Anna`, asBrowser)).text()
    assert.ok(page.includes(`<h1 dir="auto">${title}</h1>`), page)
    assert.ok(page.includes(`<p class="lead">${lead}</p>`), page)
    assert.ok(!page.includes(dateOfBirth))
  }
})

test('no page lists a name that it was not asked for', async (t) => {
  const url = await startServer(t)
  await sendJson('PUT', `${url}/hello/Anna`, { dateOfBirth: '1990-04-23' })
  for (const path of ['/birthdays', '/hello/Bob', '/birthdays?username=Bob']) {
    assert.doesNotMatch(await (await fetch(url + path, asBrowser)).text(), /Anna/)
  }
})

test('an unknown name can be saved right where it was looked for', async (t) => {
  const response = await fetch(`${await startServer(t)}/hello/Bob`, asBrowser)
  const page = await response.text()
  assert.equal(response.status, 404)
  assert.match(page, /<h1>No birthday for <bdi>Bob<\/bdi> yet<\/h1>/)
  assert.match(page, /<form method="post" action="\/birthdays">.*name="username" value="Bob"/s)
})

test('the form for a greeting leads to it', async (t) => {
  const url = await startServer(t)
  const response = await fetch(`${url}/birthdays?username=%C3%89mile`, { redirect: 'manual' })
  assert.equal(response.status, 303)
  assert.equal(response.headers.get('location'), '/hello/%C3%89mile')
})
