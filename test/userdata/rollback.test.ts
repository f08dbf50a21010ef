import assert from 'node:assert/strict'
import test from 'node:test'
import { makeWorkers, missing, startLiveBox } from './box.ts'

const reload = 'reload --no-block onebox.service'

test('a rollback returns to the previous generation, and converge leaves it there', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  const second = await box.deploy({ server: 'the second' })
  box.commands.length = 0

  const { exitCode, output } = await box.run(['rollback']).ended
  assert.equal(exitCode, 0, output)
  assert.deepEqual(box.commands, [reload])
  assert.deepEqual([box.named('current'), box.named('previous')], [first, second.generation])
  assert.ok(box.workers.every(({ release }) => release !== second.release))
  const { status, desired, reason } = box.report()
  assert.deepEqual(
    [status, desired, reason],
    ['rejected', second.generation, 'Rolled back by hand'],
  )
  assert.equal((await box.converge()).output, '')
  assert.deepEqual(box.commands, [reload])

  const third = await box.deploy({ server: 'the third' })
  assert.equal(box.report().status, 'live')
  assert.equal(box.named('current'), third.generation)
})

test('a second rollback undoes the first', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const second = await box.deploy({ server: 'the second' })
  await box.run(['rollback']).ended
  await box.run(['rollback']).ended
  assert.equal(box.named('current'), second.generation)
  assert.equal(box.report().status, 'live')
  assert.equal((await box.converge()).output, '')
})

test('a rollback goes to any kept generation, by the start of its name', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current') as string
  await box.deploy({ server: 'the second' })
  await box.deploy({ server: 'the third' })
  const { exitCode, output } = await box.run(['rollback', first.slice(0, 12)]).ended
  assert.equal(exitCode, 0, output)
  assert.equal(box.named('current'), first)
})

test('a rollback needs no S3', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  await box.deploy({ server: 'the second' })
  box.s3.failing = true
  box.metadata.failing = true
  assert.equal((await box.run(['rollback']).ended).exitCode, 0)
  assert.equal(box.named('current'), first)
})

test('a rollback to a generation that does not come up returns to the current one', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const second = await box.deploy({ server: 'the second' })
  box.start = (release, count) => (release === second.release ? makeWorkers(release, count) : [])
  const { exitCode, output } = await box.run(['rollback']).ended
  assert.equal(exitCode, 1)
  assert.match(output, /Not all 2 workers came up .*; the rollback was undone\n$/)
  assert.equal(box.named('current'), second.generation)
  assert.equal(box.report().status, 'live')
  assert.ok(box.workers.every(({ release }) => release === second.release))
})

test('a rollback without a generation to go to is an error', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  for (const args of [[], ['0123'], ['..'], [''], ['*']]) {
    const { exitCode, output } = await box.run(['rollback', ...args]).ended
    assert.equal(exitCode, 1)
    assert.match(output, /^No such generation: "onebox releases" lists them\n$/)
  }
  const own = await box.run(['rollback', box.named('current') as string]).ended
  assert.match(own.output, /^That generation is already serving\n$/)
  assert.deepEqual(box.commands, [])
  assert.equal(box.report().status, 'live')
})

test('generations are listed newest first, without drafts', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  const second = await box.deploy({ server: 'the second' })
  box.writeFile('opt/onebox/generations/draft/settings.env', '')
  const { exitCode, output } = await box.run(['generations']).ended
  assert.deepEqual([exitCode, output], [0, `${second.generation}\n${first}\n`])
})
