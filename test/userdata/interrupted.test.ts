import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Box, makeWorkers, missing, startBox, startLiveBox } from './box.ts'

const reload = 'reload --no-block onebox.service'
const restart = 'restart onebox.service'
const stepsOfDeploy = [
  'is-active onebox-data-volume.service',
  'restart onebox@canary.service',
  'restart onebox@migrate.service',
  reload,
  'show --property=MainPID --value onebox.service',
]

for (const step of stepsOfDeploy) {
  test(`killed at ${step}, a deploy is completed by the next run`, { skip: missing }, async (t) => {
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
  'killed at any moment of the first deploy, it is completed by the next run',
  {
    skip: missing,
  },
  (t) => killAllAlong(t, startBox),
)

test(
  'killed at any moment of a later deploy, it is completed by the next run',
  {
    skip: missing,
  },
  (t) => killAllAlong(t, startLiveBox),
)

test('after a power cut in a switch, the new one is proved without S3', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const { generation, release } = box.prepare({ server: 'the second' })
  await killAt(box, reload)
  assert.equal(box.named('current'), generation)
  assert.equal(box.report().status, 'deploying')

  // What serves after the boot is what the link names.
  box.workers = makeWorkers(release, 2)
  box.s3.failing = true
  box.metadata.failing = true
  await box.converge()
  expectLive(box, generation)
  assert.equal(box.commands.at(-1), restart)
})

test('after a power cut in a switch to what does not come up, the old one is back', {
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
  expectRefused(box, old)
})

test('after a power cut in a switch to what now fails its trial, the old one is back', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const old = box.named('current')
  box.prepare({ server: 'the second' })
  await killAt(box, reload)
  box.outcomes.set('restart onebox@canary.service', { exitCode: 1 })
  await box.converge()
  expectRefused(box, old)
})

test('after a power cut in the way back, what failed is refused all the same', {
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
  expectRefused(box, old)
})

test('after a power cut in the first switch to what does not come up, nothing is left to spin', {
  skip: missing,
}, async (t) => {
  const box = await startBox(t)
  box.prepare()
  box.start = () => []
  await killAt(box, restart)
  await box.converge()
  assert.equal(box.report().status, 'rejected')
  assert.equal(box.named('current'), undefined)
  assert.equal(box.commands.at(-1), 'stop onebox.service onebox.socket')
})

test('what was wanted in the meantime follows a switch that was cut short', {
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

/** Kills runs of boxes, each a little later than the one before, all along a whole run. */
async function killAllAlong(t: TestContext, start: (t: TestContext) => Promise<Box>) {
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

/** Ends a run, with all that it has started, in the moment that it gives systemctl this command. */
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

function expectRefused(box: Box, old: string | undefined) {
  assert.equal(box.report().status, 'rejected')
  assert.equal(box.named('current'), old)
  assert.equal(box.named('back'), undefined)
  assert.ok(box.workers.every(({ release }) => release !== box.report().release))
  assert.equal(box.workers.length, 2)
}
