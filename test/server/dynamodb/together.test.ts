import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { readTogether, together } from '../../../server/dynamodb/together.ts'
import { HttpError } from '../../../server/http/http-error.ts'
import { startDynamoSite } from '../../support/dynamo-site.ts'
import { connect, needsDynoxide } from '../../support/dynoxide.ts'
import { assertWellFormed, first } from '../../support/engine-proxy.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem, readHeading, send, sendJson } from '../../support/http.ts'
import { load } from '../../support/movies.ts'

const skip = needsDynoxide
const times = <Result>(count: number, task: () => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, task))

/**
 * A reads, and the answer is held back after the engine has read "old"; then "new" is acknowledged to
 * someone else, and B reads. Resolves to what A and B get.
 */
async function readAround(t: TestContext, readOf: (url: string) => () => Promise<string>) {
  const { url, other, proxy } = await startDynamoSite(t)
  await send('PUT', other, 'old')
  const held = Promise.withResolvers<void>()
  const calls = proxy.calls.length
  proxy.fault = first(1, 'GetItem', { until: held.promise })
  const read = readOf(url)
  const a = read()
  await eventually(async () => proxy.calls.length > calls)
  assert.equal((await send('PUT', other, 'new')).status, 204)
  const b = read()
  held.resolve()
  return Promise.all([a, b])
}

test('a reader never joins a read that began before it, which can be stale', {
  skip,
}, async (t) => {
  const [a, b] = await readAround(t, (url) => () => readHeading(url))
  assert.equal(b, 'new')
  assert.ok(['old', 'new'].includes(a))
})

test('a plain single-flight is stale in the same trace', { skip }, async (t) => {
  const [, b] = await readAround(t, (url) => {
    let flight: Promise<string> | undefined
    return () => {
      flight ??= readHeading(url).finally(() => {
        flight = undefined
      })
      return flight
    }
  })
  assert.equal(b, 'old')
})

test('64 readers at once share few reads', { skip }, async (t) => {
  const { url, proxy, holdUntil } = await startDynamoSite(t)
  await send('PUT', url, 'x'.repeat(100_000))
  await sendJson('PUT', `${url}/hello/Ann`, { dateOfBirth: '1990-04-23' })
  await load(url, [{ year: 1933, title: 'King Kong', info: {} }])
  for (const path of [
    '/',
    '/hello/Ann',
    '/movies?year=1933&title=King%20Kong',
    '/movies?year=1933',
  ]) {
    const before = proxy.calls.length
    holdUntil(64)
    for (const { status } of await times(64, () => fetch(url + path))) assert.equal(status, 200)
    assert.ok(proxy.calls.length - before <= 8, `${path}: ${proxy.calls.length - before} reads`)
  }
  assertWellFormed(proxy.calls)
})

test('a look at a long string costs one unit, as its value is remembered', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  await send('PUT', url, 'é'.repeat(50_000))
  assert.equal(await readHeading(url), 'é'.repeat(50_000))
  const before = proxy.calls.length
  for (let count = 0; count < 20; count += 1) await fetch(url)
  const calls = proxy.calls.slice(before)
  assert.deepEqual(new Set(calls.map(({ operation }) => operation)), new Set(['GetItem']))
  assert.ok(calls.length <= 20)
  const client = connect(proxy.url)
  t.after(() => client.close())
  const measured = { ...calls[0]?.input, ReturnConsumedCapacity: 'TOTAL' }
  const { ConsumedCapacity } = await client.call<{
    ConsumedCapacity: { CapacityUnits: number }
  }>('GetItem', measured)
  assert.ok(ConsumedCapacity.CapacityUnits <= 1, `${ConsumedCapacity.CapacityUnits}`)
})

test('writers of the string that wait together share a put, each with a version of its own', {
  skip,
}, async (t) => {
  const { url, proxy, holdUntil } = await startDynamoSite(t)
  const before = proxy.calls.length
  holdUntil(64)
  const answers = Array.from({ length: 64 }, (_, index) => send('PUT', url, `${index}`))
  const versions = (await Promise.all(answers)).map(({ headers }) => headers.get('etag') as string)
  assert.equal(new Set(versions).size, 64)
  assert.ok(proxy.calls.length - before <= 8, `${proxy.calls.length - before} calls`)
  const { headers } = await fetch(url, { headers: { 'accept-encoding': 'identity' } })
  const current = headers.get('etag') as string
  assert.ok(versions.includes(current))
  const overwritten = versions.find((version) => version !== current) as string
  const late = await send('PUT', url, 'late', { 'if-match': overwritten })
  await expectProblem(late, 412, /^If-Match does not match the current version/)
  assert.equal((await send('PUT', url, 'next', { 'if-match': current })).status, 204)
})

test('of writers of the string with the same If-Match, one wins', { skip }, async (t) => {
  const { url, other } = await startDynamoSite(t)
  const { headers } = await send('PUT', url, 'start')
  const condition = { 'if-match': headers.get('etag') as string }
  const answers = Array.from({ length: 20 }, (_, index) =>
    send('PUT', index % 2 === 0 ? url : other, `${index}`, condition),
  )
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  assert.deepEqual(statuses.sort(), [204, ...Array(19).fill(412)])
})

test('writers of one birthday or movie that wait together share a write', { skip }, async (t) => {
  const { url, proxy, holdUntil } = await startDynamoSite(t)
  const movie = { year: 1933, title: 'M', info: {} }
  holdUntil(60)
  const before = proxy.calls.length
  const birthdays = times(30, () =>
    sendJson('PUT', `${url}/hello/Ann`, { dateOfBirth: '1990-04-23' }),
  )
  const movies = times(30, () => sendJson('POST', `${url}/movies`, movie))
  for (const { status } of await birthdays) assert.equal(status, 204)
  const added = (await movies).filter(({ status }) => status === 201)
  assert.equal(added.length, 1)
  assert.ok((await movies).every(({ status }) => status === 201 || status === 200))
  assert.equal(new Set((await movies).map(({ headers }) => headers.get('etag'))).size, 30)
  assert.ok(proxy.calls.length - before <= 16, `${proxy.calls.length - before} calls`)
  assertWellFormed(proxy.calls)
})

test('a failure reaches those who wait for it, and no one after them', async () => {
  let runs = 0
  const join = together<number, number>(
    async (inputs) => {
      runs += 1
      if (runs === 1) throw new Error('away')
      return inputs
    },
    { atOnce: 2 },
  )
  const failed = await Promise.allSettled([join('key', 1), join('key', 2)])
  assert.deepEqual(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.deepEqual(await Promise.all([join('key', 3), join('key', 4)]), [3, 4])
  assert.equal(runs, 2)
})

test('who waits for a read that ends in 503 gets the same, and does not wait as long again', async () => {
  const away = Promise.withResolvers<string>()
  let reads = 0
  const read = readTogether(() => {
    reads += 1
    return reads === 1 ? away.promise : Promise.resolve('back')
  })
  const first = read('key')
  await eventually(async () => reads === 1)
  const waiting = read('key')
  away.reject(new HttpError(503, 'away'))
  for (const answer of [first, waiting]) await assert.rejects(answer, { message: 'away' })
  assert.equal(await read('key'), 'back')
  assert.equal(reads, 2)
})

test('while a read is under way, few wait for its end, and many start another', async () => {
  const held = Promise.withResolvers<void>()
  let reads = 0
  const read = readTogether(async () => {
    reads += 1
    const own = reads
    await held.promise
    return own
  })
  const first = read('key')
  await eventually(async () => reads === 1)
  const waiting = Array.from({ length: 63 }, () => read('key'))
  await delay(50)
  assert.equal(reads, 1)
  waiting.push(read('key'))
  await eventually(async () => reads === 2)
  held.resolve()
  assert.equal(await first, 1)
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([2]))
})
