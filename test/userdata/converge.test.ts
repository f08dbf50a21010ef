import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { type Box, makeWorkers, missing, startBox, startLiveBox } from './box.ts'

const trial = 'restart onebox-canary.service'
const reload = 'reload --no-block onebox.service'
const restart = 'restart onebox.service'

test('the first deploy fetches, tries, migrates, starts and is reported', {
  skip: missing,
}, async (t) => {
  const box = await startBox(t)
  const environment = { WEB_CONCURRENCY: '2', TIME_ZONE: 'Europe/Berlin', LOG_LEVEL: '' }
  const { exitCode, generation, release } = await box.deploy({ environment })

  assert.equal(exitCode, 0)
  assert.deepEqual(box.commands, [trial, restart])
  const { status, desired, reason } = box.report()
  assert.deepEqual(
    { status, desired, reason },
    { status: 'live', desired: generation, reason: undefined },
  )
  assert.equal(box.report().release, release)
  assert.equal(box.named('current'), generation)
  assert.equal(box.named('previous'), undefined)
  const current = join(box.root, 'opt/onebox/current')
  assert.equal(readFileSync(join(current, 'release/server.cjs'), 'utf8'), 'the first')
  const settings = join(current, 'settings.env')
  const lines = 'WEB_CONCURRENCY=2\nTIME_ZONE=Europe/Berlin\nLOG_LEVEL=\n'
  assert.equal(readFileSync(settings, 'utf8'), lines)
  for (const secret of ['opt/onebox/current/settings.env', 'var/lib/onebox/desired.json']) {
    assert.equal(statSync(join(box.root, secret)).mode & 0o777, 0o600)
  }
})

test('a live generation costs one 304 a run and no log lines', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const before = readFileSync(join(box.root, 'var/lib/onebox/converge.json'))
  for (let run = 0; run < 2; run += 1) {
    assert.deepEqual(await box.converge(), { exitCode: 0, output: '' })
  }
  assert.deepEqual(box.s3.requests, Array(2).fill('GET bucket/desired.json 304'))
  assert.deepEqual(box.commands, [])
  assert.deepEqual(readFileSync(join(box.root, 'var/lib/onebox/converge.json')), before)
})

test('a stopped server is started, whatever else there is to do', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  box.outcomes.set('is-active onebox.service', { exitCode: 3, output: 'inactive' })
  assert.deepEqual(await box.converge(), { exitCode: 0, output: '' })
  assert.deepEqual(box.commands, ['start --no-block onebox.service'])
  box.s3.objects.clear()
  await box.converge()
  assert.equal(box.commands.length, 2, 'also without S3')
})

test('before the first deploy no server is started', { skip: missing }, async (t) => {
  const box = await startBox(t)
  box.outcomes.set('is-active onebox.service', { exitCode: 3, output: 'inactive' })
  await box.converge()
  assert.deepEqual(box.commands, [])
})

test('a new release is fetched alone and reloaded', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  const { generation, release } = await box.deploy({ server: 'the second' })
  assert.deepEqual(box.commands, [trial, reload])
  assert.equal(box.report().status, 'live')
  assert.deepEqual([box.named('current'), box.named('previous')], [generation, first])
  assert.deepEqual(box.s3.requests, [
    'GET bucket/desired.json 200',
    `GET bucket/releases/${release}.tar.zst 200`,
  ])
})

test('a new setting is reloaded without fetching anything', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  await box.deploy({ environment: { WEB_CONCURRENCY: '2', LOG_LEVEL: 'error' } })
  assert.deepEqual(box.commands, [trial, reload])
  assert.deepEqual(box.s3.requests, ['GET bucket/desired.json 200'])
  assert.equal(box.report().status, 'live')
})

for (const [what, version] of Object.entries({
  'another runtime': { runtime: 'the second' },
  'other pm2 settings': { ecosystem: 'module.exports = {}' },
  'another number of workers': { environment: { WEB_CONCURRENCY: '3' } },
})) {
  test(`${what} restarts pm2`, { skip: missing }, async (t) => {
    const box = await startLiveBox(t)
    const { generation } = await box.deploy(version)
    assert.deepEqual(box.commands, [trial, restart])
    assert.equal(box.report().status, 'live')
    assert.equal(box.named('current'), generation)
  })
}

// A reload adds settings to pm2's own and removes none: only a restart of pm2 does.
test('removing a setting takes a restart', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const setting = { WEB_CONCURRENCY: '2', OPEN_WRITES: 'true' }
  await box.deploy({ environment: setting })
  assert.deepEqual(box.commands, [trial, reload])
  box.commands.length = 0
  await box.deploy({ environment: { WEB_CONCURRENCY: '2' } })
  assert.deepEqual(box.commands, [trial, restart])
  assert.equal(box.report().status, 'live')
})

test('an unhealthy server is restarted, not reloaded', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  box.workers.pop()
  await box.deploy({ server: 'the second' })
  assert.deepEqual(box.commands, [trial, restart])
  assert.equal(box.report().status, 'live')
})

test('three generations are kept with their files, linked ones first', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const generations = [box.named('current')]
  for (const server of ['the second', 'the third', 'the fourth']) {
    generations.push((await box.deploy({ server, runtime: `for ${server}` })).generation)
  }
  assert.deepEqual(box.list('generations'), generations.slice(1).sort())
  assert.equal(box.list('releases').length, 3)
  assert.equal(box.list('runtimes').length, 3)

  await expectRejected(box, { server: 'bad 1' })
  await expectRejected(box, { server: 'bad 2' })
  assert.equal(box.named('current'), generations.at(-1))
  assert.equal(box.named('previous'), generations.at(-2))
  assert.equal(box.list('generations').length, 3)
})

test('a release that fails its trial is rejected once, with its last error', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  box.outcomes.set(trial, { exitCode: 1, output: 'Job failed. See logs.' })
  const words =
    'onebox: the "schema" is\\new\u0000: \u001b[31mno\n    at Module.load\nNode.js v26.10.0\n'
  box.outcomes.set('journalctl --quiet', { exitCode: 0, output: words })
  const { exitCode, output, generation } = await box.deploy({ server: 'the second' })

  assert.equal(exitCode, 0)
  const { status, desired, reason } = box.report()
  assert.deepEqual([status, desired], ['rejected', generation])
  const expected = "canary failed (exit-code): onebox: the 'schema' is/new:  [31mno"
  assert.equal(reason, expected)
  assert.match(output, /^rejected, release/m)
  assert.equal(box.named('current'), first)
  assert.ok(!box.commands.includes(reload) && !box.commands.includes(restart))

  const count = box.commands.length
  assert.equal((await box.converge()).output, '')
  assert.equal(box.commands.length, count)
})

test('a rejection keeps the last five lines of the log, without secrets', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const words = [
    ...['server.cjs:7', '    throw new Error(`Broken with a key`)', '    ^', ''],
    'Error: Broken with hunter-two-000',
    '    at start (/opt/onebox/next/release/server.cjs:7:11)',
    '    at Module._compile (node:internal/modules/cjs/loader:1554:14)',
    `say "${'so '.repeat(200)}"`,
    ...['{"level":"error","message":"uncaught"}', 'Node.js v26.10.0', ''],
  ]
  box.outcomes.set(trial, { exitCode: 1 })
  box.outcomes.set('journalctl --quiet', { exitCode: 0, output: words.join('\n') })
  await box.deploy({ environment: { WEB_CONCURRENCY: '2', MAIL_API_KEY: 'hunter-two-000' } })

  const { log, reason } = box.report()
  assert.equal(reason, 'canary failed (exit-code): Error: Broken with <MAIL_API_KEY>')
  assert.deepEqual(log, [
    '    throw new Error(`Broken with a key`)',
    'Error: Broken with <MAIL_API_KEY>',
    '    at start (/opt/onebox/next/release/server.cjs:7:11)',
    `say '${'so '.repeat(200)}`.slice(0, 300),
    "{'level':'error','message':'uncaught'}",
  ])
  const standing = box.report()
  await box.converge()
  assert.deepEqual(box.report(), standing)

  box.outcomes.clear()
  await box.deploy()
  assert.equal(box.report().log, undefined)
})

test('after a rejection, the next version is tried', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  await expectRejected(box, { server: 'bad' })
  const { generation } = await box.deploy({ server: 'fixed' })
  assert.equal(box.report().status, 'live')
  assert.equal(box.named('current'), generation)
})

test('a reason is one line of at most 300 characters', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const words = `onebox: ${'Ärger '.repeat(200)}`
  box.outcomes.set('journalctl --quiet', { exitCode: 0, output: words })
  await expectRejected(box, { server: 'bad' })
  assert.match(box.report().reason as string, /^canary failed \(exit-code\): onebox: [ -~]+$/)
  assert.equal(box.report().reason?.length, 300)
})

for (const [what, start] of Object.entries({
  'comes up with one worker too few': (release: string) => makeWorkers(release, 1),
  'leaves one worker with the old release': (release: string) => [
    ...makeWorkers(release, 1),
    { ...makeWorkers('0'.repeat(64), 1)[0], worker: '1' },
  ],
  'never stops draining': (release: string) =>
    makeWorkers(release, 2).map((worker) => ({ ...worker, draining: true })),
  'does not answer': () => [],
} as Record<string, Box['start']>)) {
  test(`a release that ${what} is rolled back`, { skip: missing }, async (t) => {
    const box = await startLiveBox(t)
    const first = box.named('current')
    const release = box.workers[0]?.release
    box.start = (id, count) => (id === release ? makeWorkers(id, count) : start(id, count))
    const words = 'Error: no such table\n    at open\n'
    box.outcomes.set('journalctl --quiet', { exitCode: 0, output: words })
    const { generation } = await box.deploy({ server: 'the second' })

    assert.deepEqual(box.commands, [trial, reload, restart])
    assert.equal(box.named('current'), first)
    assert.deepEqual(
      box.workers.map((worker) => worker.release),
      [release, release],
    )
    const { status, desired, reason } = box.report()
    assert.deepEqual([status, desired], ['rejected', generation])
    assert.match(reason as string, /^Not all 2 workers came up with the release: /)
    assert.deepEqual(box.report().log, ['Error: no such table', '    at open'])
    assert.equal((await box.converge()).output, '')
    assert.equal(box.commands.length, 3)
  })
}

test('workers from before the switch prove nothing', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const { workers } = box
  let starts = 0
  box.start = (release, count) => {
    starts += 1
    return starts === 1 ? workers : makeWorkers(release, count)
  }
  await box.deploy({ environment: { WEB_CONCURRENCY: '2', LOG_LEVEL: 'error' } })
  assert.equal(box.report().status, 'rejected')
  assert.deepEqual(box.commands, [trial, reload, restart])
})

test('a reload that kills pm2 is not waited for', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const release = box.workers[0]?.release
  box.start = (id, count) => (id === release ? makeWorkers(id, count) : [])
  let asked = 0
  box.outcomes.set('show --property=MainPID --value onebox.service', () => {
    asked += 1
    return { exitCode: 0, output: String(Math.min(asked, 3)) }
  })
  const deploy = box.deploy({ server: 'the second' })
  const startedAt = performance.now()
  await deploy
  assert.equal(box.report().status, 'rejected')
  assert.ok(performance.now() - startedAt < 60_000)
})

test('a first deploy that does not come up is stopped, so that nothing restarts for ever', {
  skip: missing,
}, async (t) => {
  const box = await startBox(t)
  box.start = () => []
  await box.deploy()
  assert.deepEqual(box.commands, [
    trial,
    restart,
    'stop onebox.service onebox.socket onebox-https.socket',
  ])
  assert.equal(box.report().status, 'rejected')
  assert.equal(box.named('current'), undefined)

  box.start = makeWorkers
  await box.deploy({ server: 'fixed' })
  assert.equal(box.report().status, 'live')
})

test('deploying an earlier version works like any other deploy', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  const second = await box.deploy({ server: 'the second' })
  const again = await box.deploy()
  assert.equal(again.generation, first)
  assert.equal(box.report().status, 'live')
  assert.deepEqual([box.named('current'), box.named('previous')], [first, second.generation])
})

test('of twenty deploys in a row, each taken up is finished before the latest is next', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const { runtime, release } = box.report()
  let published = 0
  const publish = () => {
    published += 1
    const environment = { WEB_CONCURRENCY: '2', DEPLOY: String(published) }
    return box.want({ runtime, release, environment })
  }
  let latest = publish()
  // Each is published while another one is tried, and the timer runs meanwhile.
  box.outcomes.set(trial, async () => {
    for (let index = 0; index < 5 && published < 20; index += 1) {
      latest = publish()
      assert.deepEqual(await box.converge(), { exitCode: 0, output: '' })
    }
    return { exitCode: 0 }
  })
  const statuses = []
  while (box.named('current') !== latest) {
    await box.converge()
    statuses.push(box.report().status)
  }
  assert.equal(published, 20)
  assert.deepEqual(statuses, Array(5).fill('live'))
  assert.equal(box.commands.filter((command) => command === reload).length, 5)
})

test('the file system grows with its volume, once', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const grow = 'reload onebox-data-volume.service'
  box.setVolume({ noted: 1000, sectors: 1000 })
  await box.converge()
  assert.ok(!box.commands.includes(grow))
  box.setVolume({ noted: 1000, sectors: 2000 })
  await box.converge()
  assert.deepEqual(box.commands, [grow])
})

test('an archive cannot write outside its folder or set owners and special modes', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  const outside = box.uploadRelease(['--absolute-names', '--transform=s,^,../../,'])
  box.want({ runtime: box.report().runtime, release: outside })
  await box.converge()
  assert.equal(box.report().status, 'rejected')
  assert.match(box.report().reason as string, /^Cannot unpack .*: .*\.\./)
  assert.ok(!existsSync(join(box.root, 'opt/server.cjs')))
  assert.equal(box.named('current'), first)

  const rights = box.uploadRelease(['--mode=u+s,a+rwx', '--owner=nobody:65534'])
  box.want({ runtime: box.report().runtime, release: rights })
  await box.converge()
  assert.equal(box.report().status, 'live')
  const { mode, uid } = statSync(join(box.root, 'opt/onebox/current/release/server.cjs'))
  assert.deepEqual([mode & 0o7777, uid], [0o755, process.getuid?.()])
})

async function expectRejected(box: Box, version: Parameters<Box['deploy']>[0]) {
  box.outcomes.set(trial, { exitCode: 1 })
  await box.deploy(version)
  assert.equal(box.report().status, 'rejected')
  box.outcomes.delete(trial)
}
