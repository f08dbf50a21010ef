import assert from 'node:assert/strict'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import test, { type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import { createFollow } from '../../../server/saved-string/follow.ts'
import type { SavedString, SavedStringStore } from '../../../server/saved-string/store.ts'
import { eventually } from '../../support/eventually.ts'
import { expectAlive, expectProblem, readHeading, send } from '../../support/http.ts'
import { startProgram } from '../../support/program.ts'
import { converse, rawRequest } from '../../support/raw.ts'
import { makeDataDir, sqliteTest, startApp, startServer } from '../../support/server.ts'

interface Stream {
  response: Response
  /** The value of the next event; undefined once the stream has ended. */
  next: () => Promise<string | undefined>
  close: () => void
}

async function follow(t: TestContext, url: string): Promise<Stream> {
  const controller = new AbortController()
  const close = () => controller.abort()
  t.after(close)
  const response = await fetch(`${url}/events`, { signal: controller.signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''

  return { response, next, close }

  async function next(): Promise<string | undefined> {
    for (;;) {
      const event = /data: ([^\n]*)\n\n/.exec(text)
      if (event) {
        text = text.slice(event.index + event[0].length)
        return JSON.parse(event[1] as string)
      }
      const { value, done } = (await reader?.read()) ?? { done: true }
      if (done) return undefined
      text += value
    }
  }
}

test('GET /events starts with the current string', async (t) => {
  const url = await startServer(t)
  const value = 'one\ntwo\r\n\n"quoted" data: <b>é</b> \u2028'
  await send('PUT', url, value)
  const { response, next } = await follow(t, url)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  assert.equal(response.headers.get('content-encoding'), null)
  assert.equal(await next(), value)
})

test('GET /events reports a change by this or another server within a second', async (t) => {
  const { url: one, dataDir } = await startApp(t)
  const two = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  const streams = [await follow(t, one), await follow(t, one), await follow(t, two)]
  for (const { next } of streams) assert.equal(await next(), 'dynamic string')
  for (const [writer, value] of [
    [one, 'from one'],
    [two, 'from two'],
  ] as const) {
    await send('PUT', writer, value)
    const tooLate = AbortSignal.timeout(5000)
    for (const { next } of streams) assert.equal(await next(), value)
    assert.ok(!tooLate.aborted)
  }
})

test('GET /events never starts with a string older than one already confirmed', async (t) => {
  const url = await startServer(t)
  const first = await follow(t, url)
  await first.next()
  for (const value of ['one', 'two', 'three']) {
    await send('PUT', url, value)
    const { next, close } = await follow(t, url)
    assert.equal(await next(), value)
    close()
  }
})

test('GET /events ignores other writes', async (t) => {
  const url = await startServer(t)
  const { next } = await follow(t, url)
  await next()
  await send('POST', `${url}/movies?year=1931&title=M`)
  await expectAlive(url)
  await setTimeout(600)
  await send('PUT', url, 'the next event')
  assert.equal(await next(), 'the next event')
})

test('GET /events sends a heartbeat every 15 seconds, distinct from the string', async (t) => {
  const url = await startServer(t)
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { socket, until, heard } = await converse(t, url)
  socket.write(rawRequest('GET /events'))
  await until(/data: "dynamic string"/)
  t.mock.timers.tick(14_999)
  assert.doesNotMatch(heard(), /heartbeat/)
  t.mock.timers.tick(1)
  await until(/\r\nevent: heartbeat\ndata:\n\n/)
})

test('more streams than the limit answer 503, and one that ends makes room', async (t) => {
  const url = await startServer(t, {}, { eventStreamLimit: 2 })
  const streams = [await follow(t, url), await follow(t, url)]
  for (const { next } of streams) await next()
  const response = await fetch(`${url}/events`)
  assert.equal(response.headers.get('retry-after'), '5')
  await expectProblem(
    response,
    503,
    /^Too many browsers are following the string: reload the page instead$/,
  )
  assert.equal(await readHeading(url), 'dynamic string')
  streams[0]?.close()
  await eventually(async () => (await send('HEAD', `${url}/events`)).status === 200)
  assert.equal(await (await follow(t, url)).next(), 'dynamic string')
})

test('a reader too slow to follow is disconnected, and the others get the change', async (t) => {
  const url = await startServer(t)
  const slow = await converse(t, url)
  slow.socket.write(rawRequest('GET /events'))
  await slow.until(/data: /)
  slow.socket.pause()
  const quick = await follow(t, url)
  await quick.next()
  const followers = async () =>
    /^onebox_event_streams\{.*\} (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]
  assert.equal(await followers(), '2')
  for (let round = 0; (await followers()) !== '1'; round += 1) {
    assert.ok(round < 50, 'the slow one is still there')
    const value = `${round}${'a'.repeat(1_000_000)}`
    await send('PUT', url, value)
    assert.ok((await quick.next()) === value, 'the quick one misses an event')
  }
})

test('a stream survives what happens to its browser', async (t) => {
  const url = await startServer(t)
  for (let round = 0; round < 3; round += 1) {
    const { socket, until } = await converse(t, url)
    socket.write(rawRequest('GET /events'))
    await until(/data: /)
    socket.resetAndDestroy()
  }
  await send('PUT', url, 'hello')
  assert.equal(await (await follow(t, url)).next(), 'hello')
})

sqliteTest(
  'a database that cannot be read for a moment costs no stream and no worker',
  async (t) => {
    const dataDir = makeDataDir()
    const { url, output } = await startProgram(t, { DATA_DIR: dataDir })
    const { next } = await follow(t, url)
    assert.equal(await next(), 'dynamic string')
    const database = new SQLite(join(dataDir, 'onebox.db'))
    database.exec('ALTER TABLE saved_string RENAME TO away')
    await setTimeout(600)
    assert.equal((await fetch(`${url}/echo`)).status, 200, output())
    database.exec('ALTER TABLE away RENAME TO saved_string')
    database.close()
    await send('PUT', url, 'back again')
    assert.equal(await next(), 'back again')
  },
)

test('a change that a poll finds after the streams have ended is not sent', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const poll = Promise.withResolvers<SavedString>()
  const current = t.mock.fn(() => poll.promise)
  current.mock.mockImplementationOnce(async () => ({ value: 'before', version: '1' }))
  const store = { current } as Partial<SavedStringStore> as SavedStringStore
  const { reply, end } = createFollow(store, 1)
  const response = new PassThrough()
  reply().stream?.(response)
  t.mock.timers.tick(1000)
  end()
  poll.resolve({ value: 'after', version: '2' })
  await finished(response.resume())
  assert.equal(current.mock.callCount() > 1, true)
})
