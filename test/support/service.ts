import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { pm2Environment } from '../../scripts/local/pm2.ts'
import { inherited } from './inherited.ts'
import { freePort, spawnFor, switchLink, untilHealth } from './release.ts'
import { makeDataDir } from './server.ts'

const workers = 2
const pm2Bin = resolve(import.meta.dirname, '../../node_modules/pm2/bin')
const reloadScript = resolve(import.meta.dirname, '../../server/reload.cjs')

export interface Service {
  url: string
  /** Of the workers, in no order. */
  pids: () => number[]
  /** Prepares the database for a release, while another serves. */
  migrate: (release: string) => Promise<void>
  switchTo: (release: string) => void
  /** As on the instance; waits until the old workers have ended. */
  reload: () => Promise<void>
  /** Restarts pm2 itself, which needs `behindSocket`. */
  restart: () => void
  /** Ends pm2 and all workers at once. */
  kill: () => void
  /** Waits until all workers run a release. */
  until: (release: string) => Promise<unknown>
  /** What pm2 and the workers have written. */
  output: () => string
}

/** pm2 as on the instance: settings outside a link to the release, workers through the link. */
export async function startService(
  t: TestContext,
  release: string,
  { behindSocket = false, env: more = {} as Record<string, string> } = {},
): Promise<Service> {
  const dir = makeDataDir()
  const port = await freePort()
  const link = join(dir, 'current')
  const ecosystem = join(dir, 'ecosystem.config.cjs')
  cpSync(join(release, 'ecosystem.config.cjs'), ecosystem)
  switchLink(link, release)
  const env = {
    ...pm2Environment,
    ...inherited,
    PM2_HOME: join(dir, 'pm2'),
    RELEASE_DIR: link,
    DATA_DIR: join(dir, 'data'),
    PORT: String(port),
    WEB_CONCURRENCY: String(workers),
    OPEN_WRITES: 'true',
    LOG_LEVEL: 'error',
    ...more,
  }
  const command = [join(pm2Bin, 'pm2-runtime'), 'start', ecosystem]
  const holder = resolve(import.meta.dirname, 'hold-socket.ts')
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
  await until(release)
  return {
    url,
    pids: () => childrenOf(pm2Pid()),
    migrate: (release) => run(join(release, 'server.cjs'), 'migrate'),
    switchTo: (release) => switchLink(link, release),
    reload: () => run(reloadScript),
    restart: () => process.kill(pm2Pid(), 'SIGTERM'),
    kill() {
      const pm2 = pm2Pid()
      for (const pid of [pm2, ...childrenOf(pm2)]) process.kill(pid, 'SIGKILL')
    },
    until,
    output: child.output,
  }

  function pm2Pid(): number {
    return behindSocket ? (childrenOf(child.pid as number)[0] as number) : (child.pid as number)
  }

  async function run(...args: string[]) {
    const command = spawnFor(t, args, { env })
    await once(command, 'exit')
    assert.equal(command.exitCode, 0, command.output())
  }

  function until(release: string) {
    const id = basename(release)
    return untilHealth(
      url,
      (health) =>
        health.workers.length === workers && health.workers.every((w) => w.release === id),
    )
  }
}

function childrenOf(pid: number): number[] {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return pids === '' ? [] : pids.split(' ').map(Number)
}
