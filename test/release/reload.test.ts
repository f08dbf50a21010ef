import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import test, { before, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pm2Environment } from '../../scripts/support/pm2.ts'
import { type Load, startLoad } from '../support/load.ts'
import {
  buildRelease,
  copyRelease,
  freePort,
  spawnFor,
  switchLink,
  untilHealth,
} from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const requests = 100_000
const workers = 2
const pm2Bin = resolve(import.meta.dirname, '../../node_modules/pm2/bin')
let releases: string[]

before(async () => {
  const release = await buildRelease()
  releases = [release, copyRelease(release, 'the next one')]
})

test('six reloads and more under 100,000 requests fail none and lose no write', async (t) => {
  const service = await startService(t)
  const load = startLoad(service.url)
  t.after(load.stop)
  for (let reloads = 1; reloads <= 6 || load.counts().answered < requests; reloads += 1) {
    const release = releases[reloads % 2] as string
    service.switchTo(release)
    await runPm2(t, service.env, 'reload', 'onebox')
    await untilRelease(service.url, release)
  }
  await expectAllAnswered(load, service.url)
})

test('full restarts of pm2 behind a held socket under 100,000 requests fail none', async (t) => {
  if (process.platform !== 'linux') return t.skip('finds the children of a process in /proc')
  const service = await startService(t, { behindSocket: true })
  const load = startLoad(service.url)
  t.after(load.stop)
  for (let restarts = 1; restarts <= 2 || load.counts().answered < requests; restarts += 1) {
    const release = releases[restarts % 2] as string
    service.switchTo(release)
    service.restart()
    await untilRelease(service.url, release)
    await sleep(1000)
  }
  await expectAllAnswered(load, service.url)
})

/** pm2 as on the instance: settings outside a link to the release, workers through the link. */
async function startService(t: TestContext, { behindSocket = false } = {}) {
  const dir = makeDataDir()
  const port = await freePort()
  const link = join(dir, 'current')
  const ecosystem = join(dir, 'ecosystem.config.cjs')
  cpSync(join(releases[0] as string, 'ecosystem.config.cjs'), ecosystem)
  switchLink(link, releases[0] as string)
  const env = {
    ...pm2Environment,
    PATH: process.env.PATH,
    PM2_HOME: join(dir, 'pm2'),
    RELEASE_DIR: link,
    DATA_DIR: join(dir, 'data'),
    PORT: String(port),
    WEB_CONCURRENCY: String(workers),
    OPEN_WRITES: 'true',
    LOG_LEVEL: 'error',
  }
  const command = [join(pm2Bin, 'pm2-runtime'), 'start', ecosystem]
  const holder = resolve(import.meta.dirname, '../support/hold-socket.ts')
  // The holder is killed first, or it would start pm2 again.
  if (behindSocket) {
    t.after(() => {
      const pid = pm2Pid()
      child.kill('SIGKILL')
      process.kill(pid, 'SIGTERM')
    })
  }
  const child = spawnFor(t, behindSocket ? [holder, String(port), ...command] : command, { env })
  const url = `http://127.0.0.1:${port}`
  await untilRelease(url, releases[0] as string)
  return {
    url,
    env,
    switchTo: (release: string) => switchLink(link, release),
    restart: () => process.kill(pm2Pid(), 'SIGTERM'),
  }

  function pm2Pid(): number {
    return childOf(child.pid as number)
  }
}

async function untilRelease(url: string, release: string) {
  const id = basename(release)
  await untilHealth(
    url,
    (health) => health.workers.length === workers && health.workers.every((w) => w.release === id),
  )
}

async function runPm2(t: TestContext, env: NodeJS.ProcessEnv, ...args: string[]) {
  const child = spawnFor(t, [join(pm2Bin, 'pm2'), ...args], { env })
  await new Promise((resolve) => child.on('exit', resolve))
  assert.equal(child.exitCode, 0, child.output())
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
}

async function expectAllAnswered(load: Load, url: string) {
  await load.stop()
  const { answered, failed } = load.counts()
  assert.equal(failed, 0, `${failed} failed: ${[...new Set(load.failures)].join(', ')}`)
  assert.ok(answered >= requests, `${answered} were enough to tell`)
  const missing = []
  for (const username of load.saved) {
    const response = await fetch(`${url}/hello/${username}`)
    await response.arrayBuffer()
    if (!response.ok) missing.push(username)
  }
  assert.deepEqual(missing, [])
}
