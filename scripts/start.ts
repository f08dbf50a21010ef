import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, readConfig } from '../server/config.ts'
import { buildRelease, type Release } from './build/release.ts'
import { runCommand } from './support/fail.ts'
import { startPm2 } from './support/pm2.ts'

const root = resolve(import.meta.dirname, '..')

runCommand(start)

/** Builds the release and runs it under pm2 as on the instance, in the foreground. */
async function start() {
  const config = readConfig(process.env, root)
  await assertFree(config.listen)
  console.log('Building the release')
  const release = await buildRelease()
  console.log(`Starting ${config.workers} workers under pm2, data in ${config.dataDir}`)
  const pm2 = runInForeground(release, config)
  const ended = once(pm2, 'exit')
  await announce(config, pm2)
  const [code] = await ended
  process.exitCode = code
}

async function assertFree(listen: Config['listen']) {
  if ('fd' in listen) return
  const probe = createServer()
  probe.listen(listen)
  try {
    await once(probe, 'listening')
  } catch (error) {
    const reason = (error as Error).message
    throw new Error(`PORT ${listen.port} cannot be had: ${reason}; choose one: PORT=8081 npm start`)
  }
  probe.close()
}

/** Ctrl-C reaches pm2 by itself, as it shares our terminal; other signals have to be passed on. */
function runInForeground({ dir }: Release, { dataDir, workers }: Config) {
  const env = { ...process.env, DATA_DIR: dataDir, WEB_CONCURRENCY: String(workers) }
  const pm2 = startPm2(join(dir, 'ecosystem.config.cjs'), { env, home: join(root, 'dist/pm2') })
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => pm2.kill('SIGTERM'))
  return pm2
}

/** Once every worker answers, for it to be the last of what is written at the start. */
async function announce({ listen, workers }: Config, pm2: ChildProcess) {
  if ('fd' in listen) return
  const url = `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
  while ((await countWorkers(url)) < workers) {
    if (pm2.exitCode !== null || pm2.signalCode !== null) return
    await sleep(100)
  }
  console.log(`\nonebox is up at ${url} (Ctrl-C ends it)\n`)
}

async function countWorkers(url: string): Promise<number> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1000) })
    const { workers } = (await response.json()) as { workers: unknown[] }
    return response.ok ? workers.length : 0
  } catch {
    return 0
  }
}
