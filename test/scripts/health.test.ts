import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import test, { type TestContext } from 'node:test'
import { NotLive, Rejected, waitUntilLive } from '../../scripts/site/health.ts'
import { serve } from './command.ts'

const release = 'a'.repeat(64)
const before = 'b'.repeat(64)
const desired = 'd'.repeat(64)
const old = 'c'.repeat(64)

/** A site that answers each time the next of these, and the last for ever. */
async function startSite(t: TestContext, ...healths: object[]) {
  const url = await serve(t, (_: IncomingMessage, response: ServerResponse) => {
    const health = healths.length > 1 ? healths.shift() : healths[0]
    response.end(JSON.stringify(health))
  })
  return { url, release, desired }
}

function healthOf(deploy: object, ...releases: string[]) {
  const workers = releases.map((id, worker) => ({
    worker: `${worker}`,
    release: id,
    draining: false,
  }))
  return { status: 'ok', workers, deploy }
}

function collect() {
  const lines: string[] = []
  const live = { print: (text: string) => void lines.push(text.trim()), show() {}, end() {} }
  return { lines, live }
}

test('every change is printed until all workers are live', async (t) => {
  const wanted = await startSite(
    t,
    healthOf({ status: 'live', desired: old }, before, before),
    healthOf({ status: 'waiting', desired: old, reason: 'S3 answers 503' }, before, before),
    healthOf({ status: 'waiting', desired, reason: 'S3 cannot be reached' }, before, before),
    healthOf({ status: 'deploying', desired }, before, before),
    {
      ...healthOf({ status: 'deploying', desired }, before),
      status: 'failing',
      problem: 'draining',
    },
    healthOf({ status: 'live', desired }, release, before),
    healthOf({ status: 'live', desired }, release, release),
  )
  const { lines, live } = collect()
  await waitUntilLive(wanted, { waitSeconds: 60, live })
  assert.deepEqual(
    lines.map((line) => line.replace(/^.*? s {2}/, '')),
    [
      'runs release bbbbbbbbbbbb, has not seen the new one',
      'runs release bbbbbbbbbbbb, has not seen the new one: S3 answers 503',
      'waiting, runs release bbbbbbbbbbbb: S3 cannot be reached',
      'deploying, runs release bbbbbbbbbbbb',
      'live, runs release aaaaaaaaaaaa, bbbbbbbbbbbb',
      'live, runs release aaaaaaaaaaaa',
    ],
  )
})

test('several machines are live once each has had its turn to answer, and repeat no news', async (t) => {
  const old = healthOf({ status: 'live', desired: 'c'.repeat(64) }, before)
  const fresh = healthOf({ status: 'live', desired }, release)
  const last = Array.from({ length: 8 }, () => fresh)
  let asked = 0
  const healths = [old, fresh, old, fresh, ...last]
  const url = await serve(t, (_: IncomingMessage, response: ServerResponse) => {
    response.end(JSON.stringify(healths[asked]))
    asked += 1
  })
  const { lines, live } = collect()
  await waitUntilLive({ url, release, desired, machines: 2 }, { waitSeconds: 120, live })
  assert.deepEqual([asked, lines.length], [11, 2])
})

test('an earlier rejection does not count', async (t) => {
  const wanted = await startSite(
    t,
    healthOf({ status: 'rejected', desired: old, reason: 'long ago' }, before),
    healthOf({ status: 'rejected', desired, reason: 'The canary does not answer' }, before),
  )
  const { lines, live } = collect()
  await assert.rejects(waitUntilLive(wanted, { waitSeconds: 60, live }), Rejected)
  assert.match(lines.join(), /bbbbbbbbbbbb, has not seen the new one$/)
})

test('a later run takes over, and its release is waited for', async (t) => {
  const latest = { release: 'e'.repeat(64), desired: 'f'.repeat(64) }
  const wanted = await startSite(
    t,
    healthOf({ status: 'live', desired: old }, before),
    healthOf({ status: 'deploying', desired: latest.desired }, before),
    healthOf({ status: 'live', desired: latest.desired }, latest.release),
  )
  const { lines, live } = collect()
  let reads = 0
  const readLatest = async () => {
    reads += 1
    return reads === 1 ? wanted : { ...wanted, ...latest }
  }
  const seen = await waitUntilLive(wanted, { waitSeconds: 60, readLatest, live })
  assert.equal(seen.release, latest.release)
  assert.match(lines.join('\n'), /a later run wants release e{12} instead$/m)
  assert.equal(reads, 2)
})

test('a draining worker, a failing worker and another site are not live', async (t) => {
  const drains = healthOf({ status: 'live', desired }, release)
  for (const health of [
    { ...drains, workers: drains.workers.map((worker) => ({ ...worker, draining: true })) },
    { ...drains, status: 'failing', problem: 'The database cannot be read or written' },
    { message: 'Welcome to nginx' },
  ]) {
    const { live } = collect()
    const wanted = await startSite(t, health)
    await assert.rejects(waitUntilLive(wanted, { waitSeconds: 1, live }), NotLive)
  }
})
