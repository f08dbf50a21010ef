import assert from 'node:assert/strict'
import test from 'node:test'
import { expectFieldProblem, expectProblem, getJson, send, sendJson } from '../support/http.ts'
import { startApp, startServer } from '../support/server.ts'

const today = (timeZone = 'UTC') => Temporal.Now.plainDateISO(timeZone)
const put = (url: string, dateOfBirth: unknown) => sendJson('PUT', url, { dateOfBirth })
const read = async (url: string) => (await getJson<{ message: string }>(url)).message

/** A date of birth whose birthday is `days` from now; 2000 has every day a year can have. */
function bornSoBirthdayIsIn(days: number): string {
  return today().add({ days }).with({ year: 2000 }).toString()
}

test('PUT /hello/{username} answers 204 without a body, and GET greets from then on', async (t) => {
  const url = `${await startServer(t)}/hello/Ann`
  await expectProblem(await fetch(url), 404, /^No birthday stored for Ann: PUT one first$/)
  const response = await put(url, bornSoBirthdayIsIn(5))
  assert.equal(response.status, 204)
  assert.equal(await response.text(), '')
  assert.equal(await read(url), 'Hello, Ann! Your birthday is in 5 day(s)')
})

test('GET /hello/{username} wishes a happy birthday on the day', async (t) => {
  const url = `${await startServer(t)}/hello/Ann`
  await put(url, bornSoBirthdayIsIn(0))
  assert.deepEqual(await getJson(url), { message: 'Hello, Ann! Happy Birthday!' })
})

test('GET /hello/{username} answers only the message, uncached', async (t) => {
  const url = `${await startServer(t)}/hello/Ann`
  await put(url, bornSoBirthdayIsIn(1))
  const response = await fetch(url)
  assert.equal(response.headers.get('cache-control'), 'no-store')
  assert.equal(await response.text(), '{"message":"Hello, Ann! Your birthday is in 1 day(s)"}')
})

test('PUT /hello/{username} updates one birthday and no other', async (t) => {
  const url = await startServer(t)
  await put(`${url}/hello/Ann`, bornSoBirthdayIsIn(3))
  await put(`${url}/hello/ann`, bornSoBirthdayIsIn(4))
  assert.equal((await put(`${url}/hello/Ann`, bornSoBirthdayIsIn(2))).status, 204)
  assert.match(await read(`${url}/hello/Ann`), /in 2 day/)
  assert.match(await read(`${url}/hello/ann`), /Hello, ann! .* in 4 day/)
})

test('a refused date changes nothing', async (t) => {
  const url = `${await startServer(t)}/hello/Ann`
  await put(url, bornSoBirthdayIsIn(3))
  const future = [today(), today().add({ days: 1 }), '9999-12-31']
  for (const date of [...future, '2023-02-30', '1900-02-29', '0000-00-00', '1.1.1990', '']) {
    await expectFieldProblem(
      await put(url, date),
      'dateOfBirth',
      /^dateOfBirth (must|\S+ is not a calendar date)/,
    )
  }
  assert.match(await read(url), /in 3 day/)
})

test('yesterday is a date of birth', async (t) => {
  const url = `${await startServer(t)}/hello/Ann`
  assert.equal((await put(url, today().subtract({ days: 1 }))).status, 204)
  assert.match(await read(url), /in 36[45] day/)
})

test('TIME_ZONE decides what today is', async (t) => {
  // The two are 26 hours apart, so that it is never the same day in both.
  const west = `${await startServer(t, { TIME_ZONE: 'Etc/GMT+12' })}/hello/Ann`
  const east = `${await startServer(t, { TIME_ZONE: 'Pacific/Kiritimati' })}/hello/Ann`
  const date = today('Etc/GMT+12')
  assert.equal((await put(east, date)).status, 204)
  await expectFieldProblem(
    await put(west, date),
    'dateOfBirth',
    new RegExp(`before today, ${date}`),
  )
  const birthday = date.with({ year: 2000 }).toString()
  await put(west, birthday)
  await put(east, birthday)
  assert.equal(await read(west), 'Hello, Ann! Happy Birthday!')
  assert.match(await read(east), /in 36[345] day/)
})

test('a username may be in any script, and is the same in both of its Unicode forms', async (t) => {
  const url = await startServer(t)
  for (const name of ['Ольга', '李', 'محمد', 'Zoë']) {
    const path = `${url}/hello/${encodeURIComponent(name)}`
    assert.equal((await put(path, bornSoBirthdayIsIn(7))).status, 204)
    assert.equal(await read(path), `Hello, ${name}! Your birthday is in 7 day(s)`)
  }
  assert.match(await read(`${url}/hello/Zoe${encodeURIComponent('\u0308')}`), /^Hello, Zo\u00eb! /)
})

const noNames = [
  'Ann1',
  '%20',
  'Ann%20Lee',
  'Ann+Lee',
  'a'.repeat(65),
  'a'.repeat(10_000),
  '%F0%9F%98%80',
]

test('a path without a username of letters answers 400 to every method', async (t) => {
  const url = await startServer(t)
  const detail = /^A username is 1 to 64 letters: no digits, spaces or punctuation$/
  for (const name of noNames) {
    const path = `${url}/hello/${name}`
    await expectProblem(await fetch(path), 400, detail)
    await expectProblem(await put(path, '1990-04-23'), 400, detail)
    await expectProblem(await send('DELETE', path), 400, detail)
  }
})

test('DELETE /hello/{username} answers 204, and 404 if there is none', async (t) => {
  const url = `${await startServer(t)}/hello/Ann`
  await expectProblem(await send('DELETE', url), 404, /^No birthday stored for Ann/)
  await put(url, '1990-04-23')
  const response = await send('DELETE', url)
  assert.equal(response.status, 204)
  assert.equal(await response.text(), '')
  await expectProblem(await fetch(url), 404, /^No birthday stored for Ann/)
  await expectProblem(await send('DELETE', url), 404, /^No birthday stored for Ann/)
})

test('a birthday survives a restart', async (t) => {
  const { url, dataDir, drain, server } = await startApp(t)
  await put(`${url}/hello/Ann`, bornSoBirthdayIsIn(9))
  server.closeAllConnections()
  await drain()
  const again = await startServer(t, { DATA_DIR: dataDir })
  assert.match(await read(`${again}/hello/Ann`), /in 9 day/)
})
