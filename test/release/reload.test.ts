import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { expectAllAnswered, startLoad } from '../support/load.ts'
import { converse, rawRequest } from '../support/raw.ts'
import { buildRelease, copyRelease } from '../support/release.ts'
import { startService } from '../support/service.ts'

const leastRequests = 100_000
let releases: string[]

before(async () => {
  const release = await buildRelease()
  releases = [release, copyRelease(release, 'the next one')]
})

test('at least six reloads under 100,000 requests fail none and lose no write', async (t) => {
  const service = await startService(t, releases[0] as string)
  const load = startLoad(service.url)
  t.after(load.stop)
  for (let reloads = 1; reloads <= 6 || load.counts().answered < leastRequests; reloads += 1) {
    const release = releases[reloads % 2] as string
    service.switchTo(release)
    await service.reload()
    await service.until(release)
  }
  await expectAllAnswered(load, service.url, leastRequests)
})

test('full restarts of pm2 behind a systemd socket under 100,000 requests fail none', async (t) => {
  if (process.platform !== 'linux') return t.skip('finds the children of a process in /proc')
  const service = await startService(t, releases[0] as string, { behindSocket: true })
  const load = startLoad(service.url)
  t.after(load.stop)
  for (let restarts = 1; restarts <= 2 || load.counts().answered < leastRequests; restarts += 1) {
    const release = releases[restarts % 2] as string
    service.switchTo(release)
    service.restart()
    await service.until(release)
    await sleep(1000)
  }
  await expectAllAnswered(load, service.url, leastRequests)
})

// Node's primary closes a shared socket with the last worker that has it, and never gets it back.
test('workers that all end at once come back behind a systemd socket', async (t) => {
  if (process.platform !== 'linux') return t.skip('finds the children of a process in /proc')
  const [release = ''] = releases
  const service = await startService(t, release, { behindSocket: true })
  for (let round = 0; round < 2; round += 1) {
    for (const pid of service.pids()) process.kill(pid, 'SIGKILL')
    await service.until(release)
  }
})

// pm2 ends an old worker when its successor is not ready in time. With all of them at once, no worker
// would have the socket, and a restart of pm2 would have to bring it back.
test('a release that starts slower than pm2 waits always leaves a worker with the socket', async (t) => {
  if (process.platform !== 'linux') return t.skip('finds the children of a process in /proc')
  const [first, next] = ['patient', 'slow to start'].map((name) => {
    const release = copyRelease(releases[0] as string, name)
    edit(join(release, 'ecosystem.config.cjs'), (code) =>
      code.replace(/(listen_timeout): [\d_]+/, '$1: 4_000'),
    )
    return release
  }) as [string, string]
  const pause = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000)'
  edit(
    join(next, 'server.cjs'),
    (code) => `require('node:worker_threads').isMainThread && ${pause}\n${code}`,
  )
  const service = await startService(t, first, { behindSocket: true })
  const load = startLoad(service.url, { keepAlive: 2, oneShot: 2, pauseMs: 20 })
  t.after(load.stop)
  service.switchTo(next)
  await service.reload()
  await service.until(next)
  assert.doesNotMatch(service.output(), /Cannot listen/)
  await expectAllAnswered(load, service.url, 0)
})

// With eleven overlapping deploys on one SQLite file, others have lost acknowledged writes.
test('twenty deploys in a row under writes fail none and lose none', async (t) => {
  const [release = ''] = releases
  const env = { KEEP_ALIVE_SECONDS: '1' }
  const service = await startService(t, release, { env })
  const load = startLoad(service.url, { keepAlive: 4, oneShot: 4, writeShare: 1, pauseMs: 5 })
  t.after(load.stop)
  for (let deploys = 1; deploys <= 20; deploys += 1) {
    const next = copyRelease(release, `deploy ${deploys}`)
    const saved = load.saved.size
    await service.migrate(next)
    service.switchTo(next)
    await service.reload()
    await service.until(next)
    assert.ok(load.saved.size > saved, `writes went on during deploy ${deploys}`)
  }
  await expectAllAnswered(load, service.url, load.saved.size)
})

test('a reload closes no idle connection that a proxy still keeps', async (t) => {
  const [first = '', next = ''] = releases
  const env = { KEEP_ALIVE_SECONDS: '75' }
  const service = await startService(t, first, { env })
  const { socket, until, ended } = await converse(t, service.url, 120_000)
  socket.write(rawRequest('GET /echo'))
  await until(/ECHO: GET\n/)
  service.switchTo(next)
  const reloaded = service.reload()
  await service.until(next)
  // Longer than a drain waits when nobody accepts new connections.
  await sleep(17_000)
  socket.write(rawRequest('GET /echo'))
  await until(/ECHO: GET\n.*\r\nConnection: close\r\n.*ECHO: GET\n/s)
  await ended
  socket.end()
  await reloaded
})

function edit(file: string, change: (code: string) => string) {
  const code = readFileSync(file, 'utf8')
  const changed = change(code)
  assert.notEqual(changed, code)
  writeFileSync(file, changed)
}
