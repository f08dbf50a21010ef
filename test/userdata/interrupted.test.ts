import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Box, makeWorkers, missing, startBox, startLiveBox } from './box.ts'

const reload = 'reload --no-block onebox.service'
const restart = 'restart onebox.service'
const stepsOfDeploy = [
  'is-active onebox-data-volume.service',
  'restart onebox-canary.service',
  reload,
  'show --property=MainPID --value onebox.service',
]

for (const step of stepsOfDeploy) {
  test(`the next run completes a deploy killed at ${step}`, { skip: missing }, async (t) => {
    const box = await startLiveBox(t)
    const old = box.named('current')
    const { generation } = box.prepare({ server: 'the second' })
    await killAt(box, step)
    assert.ok([old, generation].includes(box.named('current')))
    await box.converge()
    expectLive(box, generation)
    assert.equal(box.named('previous'), old)
  })
}

test(
  'the next run completes a first deploy killed at any moment',
  {
    skip: missing,
  },
  (t) => killThroughout(t, startBox),
)

test(
  'the next run completes a later deploy killed at any moment',
  {
    skip: missing,
  },
  (t) => killThroughout(t, startLiveBox),
)

test('after a power cut during a switch, the new generation is proved without S3', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const { generation, release } = box.prepare({ server: 'the second' })
  await killAt(box, reload)
  assert.equal(box.named('current'), generation)
  assert.equal(box.report().status, 'deploying')

  // After the boot, the generation that the link points to serves.
  box.workers = makeWorkers(release, 2)
  box.s3.failing = true
  box.metadata.failing = true
  await box.converge()
  expectLive(box, generation)
  assert.equal(box.commands.at(-1), restart)
})

test('after a power cut during a switch to a release that does not come up, the old one is back', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const old = box.named('current')
  const { release } = box.prepare({ server: 'the second' })
  await killAt(box, reload)
  box.workers = []
  box.s3.failing = true
  box.start = (id, count) => (id === release ? [] : makeWorkers(id, count))
  await box.converge()
  expectRejected(box, old)
})

test('after a power cut during a switch to a release that now fails its trial, the old one is back', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const old = box.named('current')
  box.prepare({ server: 'the second' })
  await killAt(box, reload)
  box.outcomes.set('restart onebox-canary.service', { exitCode: 1 })
  await box.converge()
  expectRejected(box, old)
})

test('after a power cut during the way back, the failed release is still rejected', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const old = box.named('current')
  const { release } = box.prepare({ server: 'the second' })
  box.start = (id, count) => (id === release ? [] : makeWorkers(id, count))
  await killAt(box, restart)
  assert.equal(box.named('current'), old)
  assert.equal(box.report().status, 'deploying')
  await box.converge()
  expectRejected(box, old)
})

test('after a power cut during a first switch that does not come up, the server is stopped', {
  skip: missing,
}, async (t) => {
  const box = await startBox(t)
  box.prepare()
  box.start = () => []
  await killAt(box, restart)
  await box.converge()
  assert.equal(box.report().status, 'rejected')
  assert.equal(box.named('current'), undefined)
  assert.equal(box.commands.at(-1), 'stop onebox.service onebox.socket onebox-https.socket')
})

test('a version published during an interrupted switch is deployed after it', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  box.prepare({ server: 'the second' })
  await killAt(box, reload)
  const third = box.prepare({ server: 'the third' })
  await box.converge()
  await box.converge()
  expectLive(box, third.generation)
})

/** Kills a run on each of several boxes, at moments spread over the length of a whole run. */
async function killThroughout(t: TestContext, start: (t: TestContext) => Promise<Box>) {
  const kills = 8
  const wholeMs = await timeOfDeploy(await start(t))
  for (let kill = 0; kill < kills; kill += 1) {
    const box = await start(t)
    const { generation } = box.prepare({ server: 'the next' })
    const run = box.run()
    await sleep((kill / kills) * wholeMs)
    run.kill()
    await run.ended
    for (let runs = 0; runs < 2; runs += 1) await box.converge()
    expectLive(box, generation)
  }
}

async function timeOfDeploy(box: Box): Promise<number> {
  const startedAt = performance.now()
  await box.deploy({ server: 'the next' })
  return performance.now() - startedAt
}

/** Kills a run, with all its processes, at the moment it gives systemctl this command. */
async function killAt(box: Box, command: string) {
  const run = box.run()
  box.outcomes.set(command, async () => {
    run.kill()
    await run.ended
    return { exitCode: 1 }
  })
  await run.ended
  box.outcomes.delete(command)
}

function expectLive(box: Box, generation: string) {
  assert.deepEqual([box.report().status, box.report().desired], ['live', generation])
  assert.equal(box.named('current'), generation)
  assert.equal(box.named('back'), undefined)
  assert.ok(box.workers.every(({ release }) => release === box.report().release))
}

function expectRejected(box: Box, old: string | undefined) {
  assert.equal(box.report().status, 'rejected')
  assert.equal(box.named('current'), old)
  assert.equal(box.named('back'), undefined)
  assert.ok(box.workers.every(({ release }) => release !== box.report().release))
  assert.equal(box.workers.length, 2)
}
