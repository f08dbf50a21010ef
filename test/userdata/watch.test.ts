import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { type Box, missing, serverGroup, startBox, startLiveBox } from './box.ts'

const unchanged = 'GET bucket/desired.json 304'
const tokens = 'PUT /latest/api/token 200'
const withinMs = 60_000

/** Pauses between the URLs of one curl. */
const tooOld = missing || (curlVersion() < 7.84 && 'needs curl 7.84')

test('watching deploys at once, then asks S3 again and again over one connection', {
  skip: tooOld,
}, async (t) => {
  const box = await startBox(t)
  box.prepare()
  watch(t, box)
  await untilLive(box)
  await untilAsked(box, 4)
  assert.equal(
    count(box.metadata.requests, tokens),
    2,
    'credentials for the run, then for all else',
  )
  assert.equal(box.s3.connections, 4, 'desired.json, two archives, and one for all else')
})

test('watching deploys what was published meanwhile', { skip: tooOld }, async (t) => {
  const box = await startLiveBox(t)
  watch(t, box)
  await untilAsked(box, 3)
  const { generation } = box.prepare({ server: 'the second' })
  await eventually(async () => box.named('current') === generation, withinMs)
  await untilLive(box)
})

test('watching starts a server that has stopped', { skip: tooOld }, async (t) => {
  const box = await startLiveBox(t)
  watch(t, box)
  await untilAsked(box, 3)
  assert.deepEqual(box.commands, [])
  box.outcomes.set('is-active onebox.service', { exitCode: 3, output: 'inactive' })
  rmSync(join(box.root, serverGroup), { recursive: true })
  await eventually(async () => box.commands.includes('start --no-block onebox.service'), withinMs)
})

test('watching grows the file system after its volume', { skip: tooOld }, async (t) => {
  const box = await startLiveBox(t)
  box.setVolume({ noted: 2048, sectors: 2048 })
  watch(t, box)
  await untilAsked(box, 3)
  assert.deepEqual(box.commands, [])
  box.setVolume({ noted: 2048, sectors: 4096 })
  await eventually(async () => box.commands.includes('reload onebox-data-volume.service'), withinMs)
})

test('watching reports what is wrong, and goes on after it', { skip: tooOld }, async (t) => {
  for (const service of ['s3', 'metadata'] as const) {
    const box = await startLiveBox(t)
    // New credentials after every second.
    watch(t, box, 1)
    await untilAsked(box, 2)
    box[service].failing = true
    await eventually(async () => box.report().status === 'waiting', withinMs)
    box[service].failing = false
    await untilLive(box)
  }
})

test('watching asks for new credentials in time', { skip: tooOld }, async (t) => {
  const box = await startLiveBox(t)
  const before = count(box.metadata.requests, tokens)
  watch(t, box, 2)
  await eventually(async () => count(box.metadata.requests, tokens) >= before + 4, withinMs)
  assert.deepEqual(box.commands, [])
})

function watch(t: TestContext, box: Box, watchSeconds?: number) {
  const run = box.run(['watch'], { watchSeconds })
  t.after(async () => {
    run.kill()
    await run.ended
  })
}

async function untilLive(box: Box) {
  await eventually(async () => {
    try {
      return box.report().status === 'live'
    } catch {
      return false
    }
  }, withinMs)
}

async function untilAsked(box: Box, times: number) {
  await eventually(async () => count(box.s3.requests, unchanged) >= times, withinMs)
}

function count(requests: string[], wanted: string): number {
  return requests.filter((request) => request === wanted).length
}

function curlVersion(): number {
  const [, version] =
    /^curl (\d+\.\d+)/.exec(execFileSync('curl', ['--version'], { encoding: 'utf8' })) ?? []
  return Number(version)
}
