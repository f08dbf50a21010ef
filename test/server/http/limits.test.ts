import assert from 'node:assert/strict'
import test from 'node:test'
import type { HttpError } from '../../../server/http/http-error.ts'
import { Budget, Rate } from '../../../server/http/limits.ts'
import { expectAlive, expectProblem, readHeading, send } from '../../support/http.ts'
import { converse, rawRequest } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

const minute = 60_000

/** How many of `times` writes from an address pass at a moment. */
function passes(rate: Rate, address: string, now: number, times = 1): number {
  let passed = 0
  for (let index = 0; index < times; index += 1) {
    try {
      rate.take(address, now)
      passed += 1
    } catch (error) {
      assert.equal((error as HttpError).status, 429)
    }
  }
  return passed
}

test('writes over the rate answer 429 with Retry-After and change nothing; reads still work', async (t) => {
  const url = await startServer(t, { WRITES_PER_MINUTE: '2' })
  for (const name of ['one', 'two']) assert.equal((await send('PUT', url, name)).status, 204)
  const response = await send('PUT', url, 'three')
  const seconds = response.headers.get('retry-after')
  assert.ok(Number(seconds) >= 25 && Number(seconds) <= 30, `${seconds} s`)
  await expectProblem(response, 429, new RegExp(`^Too many writes .*: try again in ${seconds} s$`))
  await expectProblem(await send('DELETE', `${url}/hello/Ann`), 429, /^Too many writes from your/)
  assert.equal(await readHeading(url), 'two')
})

test('guessing the token is bounded by the rate as well', async (t) => {
  const url = await startServer(t, { WRITES_PER_MINUTE: '1', WRITE_TOKEN: 'red' })
  const statuses: number[] = []
  for (const token of ['green', 'red']) {
    const headers = { authorization: `Bearer ${token}` }
    statuses.push((await send('PUT', url, 'hello', headers)).status)
  }
  assert.deepEqual(statuses, [401, 429])
})

test('a rate of 0 is no limit', () => {
  assert.equal(passes(new Rate(0, 'writes'), '192.0.2.1', 0, 1000), 1000)
})

test('a client may send its minute in one burst, then goes on at the rate', () => {
  const rate = new Rate(60, 'writes')
  assert.equal(passes(rate, '192.0.2.1', 0, 100), 60)
  assert.equal(passes(rate, '192.0.2.1', 1000, 5), 1)
  assert.equal(passes(rate, '192.0.2.1', 4000, 5), 3)
  assert.equal(passes(rate, '192.0.2.1', 10 * minute, 100), 60)
})

test('a client that retries too early loses nothing', () => {
  const rate = new Rate(60, 'writes')
  assert.equal(passes(rate, '192.0.2.1', 0, 60), 60)
  let passed = 0
  for (let now = 100; now <= 10_000; now += 100) passed += passes(rate, '192.0.2.1', now)
  assert.ok(passed >= 9 && passed <= 10, `${passed} of 10`)
})

test('addresses do not share a rate, except an IPv4 address in its two forms', () => {
  const rate = new Rate(1, 'writes')
  assert.equal(passes(rate, '192.0.2.1', 0), 1)
  assert.equal(passes(rate, '192.0.2.2', 0), 1)
  assert.equal(passes(rate, '::ffff:192.0.2.1', 0), 0)
})

const sameNetwork: [string, string][] = [
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:ffff::1'],
  ['2001:db8:1:2::1', '2001:db8:1:2::2'],
  ['2001:db8:1::1', '2001:db8:1::2'],
  ['2001:db8::1', '2001:db8::2'],
  ['2001:db8::1', '2001:db8::1:0:0:2'],
  ['2001:db8::1', '2001:db8:0:0:1::'],
  ['fe80::1%eth0', 'fe80::2%eth0'],
]

test('an IPv6 network of 64 bits counts as one client, however its addresses are written', () => {
  for (const [one, other] of sameNetwork) {
    const rate = new Rate(1, 'writes')
    assert.equal(passes(rate, one, 0), 1)
    assert.equal(passes(rate, other, 0), 0, `${one} and ${other}`)
  }
  const rate = new Rate(1, 'writes')
  for (const other of ['2001:db8:1:2::1', '2001:db8:1:3::1', '2001:db8::2', '2001:db8:0:1::2']) {
    assert.equal(passes(rate, other, 0), 1, other)
  }
})

test('only the 10,000 latest clients are remembered, the busy one among them', () => {
  const rate = new Rate(1, 'writes')
  for (let index = 0; index < 30_000; index += 1) {
    passes(rate, `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 0)
    if (index % 5000 === 0) passes(rate, '192.0.2.1', 0)
  }
  assert.equal(passes(rate, '192.0.2.1', 0), 0)
  assert.equal(passes(rate, '10.0.0.0', 0), 1)
})

test('a budget hands out what it has and no more', () => {
  const budget = new Budget(10)
  budget.take(6)
  assert.throws(() => budget.take(5), { status: 503 })
  budget.take(4)
  budget.give(6)
  budget.take(6)
  assert.throws(() => budget.take(1), { status: 503 })
})

test('bodies that do not fit in memory together answer 503 with Retry-After', async (t) => {
  const url = await startServer(t, {}, { bodyBudgetBytes: 1000 })
  const response = await send('PUT', url, 'a'.repeat(1001))
  assert.equal(response.headers.get('retry-after'), '1')
  await expectProblem(response, 503, /^Too many large requests at once: try again in a second$/)
  assert.equal(await readHeading(url), 'dynamic string')
})

test('a body frees its memory when it is done, complete or not', async (t) => {
  const url = await startServer(t, {}, { bodyBudgetBytes: 1000 })
  const body = 'a'.repeat(900)
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await send('PUT', url, body)).status, 204)
    assert.equal((await send('PUT', `${url}/hello/1`, body)).status, 400)
    const { socket, ended } = await converse(t, url)
    socket.end(rawRequest('PUT /', ['Content-Length: 1000'], body))
    await ended
  }
  assert.equal((await send('PUT', url, 'hello')).status, 204)
  await expectAlive(url)
})

test('reads beyond the rate get 429, but those of monitoring do not count', async (t) => {
  const url = await startServer(t, { READS_PER_MINUTE: '2' })
  for (const path of ['/healthz', '/metrics', '/healthz/certificate']) {
    for (let times = 0; times < 3; times += 1) assert.equal((await fetch(url + path)).status, 200)
  }
  assert.equal((await fetch(url)).status, 200)
  assert.equal((await fetch(url, { method: 'HEAD' })).status, 200)
  const response = await fetch(`${url}/movies`)
  assert.equal(response.headers.get('retry-after'), '30')
  await expectProblem(response, 429, /^Too many reads from your address: try again in 30 s$/)
  assert.equal((await send('PUT', url, 'a write')).status, 204)
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
})
