import assert from 'node:assert/strict'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { startPm2 } from '../../scripts/local/pm2.ts'
import { inherited } from '../support/inherited.ts'
import { buildRelease, freePort, spawnFor, untilHealth } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const mistakes = {
  'an exception that nobody catches': `throw new Error('a mistake')`,
  'a rejection that nobody handles': `Promise.reject(new Error('a mistake'))`,
}

for (const [what, mistake] of Object.entries(mistakes)) {
  test(`${what} is logged and ends the process`, async (t) => {
    const { env, server } = await spoil(mistake)
    const child = spawnFor(t, [server], { env })
    await untilHealth(urlOf(env), ({ status }) => status === 'ok')
    child.kill('SIGUSR2')
    await new Promise((resolve) => child.on('exit', resolve))
    assert.equal(child.exitCode, 1)
    assert.match(child.output(), /"level":"error".*"message":"uncaught","error":"Error: a mistake/)
  })

  test(`${what} ends a worker of pm2, which replaces it`, async (t) => {
    if (process.platform !== 'linux') return t.skip('finds the children of a process in /proc')
    const { env, ecosystem } = await spoil(mistake)
    const pm2 = startPm2(ecosystem, { env, home: makeDataDir(), stdio: 'ignore' })
    t.after(() => pm2.kill())
    const before = await untilHealth(urlOf(env), ({ status }) => status === 'ok')
    process.kill(childOf(pm2.pid as number), 'SIGUSR2')
    await untilHealth(
      urlOf(env),
      ({ status, workers }) =>
        status === 'ok' && workers[0]?.startedAt !== before.workers[0]?.startedAt,
    )
  })
}

/** A release that makes a mistake when it is sent SIGUSR2. */
async function spoil(mistake: string) {
  const dir = await buildRelease()
  const server = join(dir, 'server.cjs')
  appendFileSync(
    server,
    `if (require('node:worker_threads').isMainThread) process.on('SIGUSR2', () => { ${mistake} })`,
  )
  const env = {
    ...inherited,
    PORT: String(await freePort()),
    DATA_DIR: makeDataDir(),
    WEB_CONCURRENCY: '1',
  }
  return { server, ecosystem: join(dir, 'ecosystem.config.cjs'), env }
}

function urlOf({ PORT }: { PORT: string }): string {
  return `http://127.0.0.1:${PORT}`
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
}
