import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, type Listen, readConfig } from '../../server/config.ts'
import { prepareDatabase } from '../../server/database/prepare.ts'
import { openStores } from '../../server/stores/open.ts'
import { UsageError } from '../terminal/command.ts'

/**
 * The settings of a site on this machine, once its port is free and its data is ready. Requests are
 * not logged by default, so that the address stays in sight. `typed` is for messages.
 * @throws {Error} one line that names the setting and the cure
 */
export async function readLocalSite(typed: string) {
  refusePort(typed)
  const logged = { ...process.env, LOG_LEVEL: process.env.LOG_LEVEL || 'error' }
  const config = readConfig(logged, resolve(import.meta.dirname, '../..'))
  await assertFree('PORT', config.listen, typed)
  if (config.tls) await assertFree('TLS_PORT', config.tls.listen, typed)
  await prepareData(config)
  return { config, env: { ...logged, DATA_DIR: config.dataDir } }
}

async function prepareData(config: Config) {
  if (config.dynamodb === undefined) return prepareDatabase(config.dataDir)
  const stores = await openStores(config)
  await stores.close()
}

/** npm takes `--port 9000` as an option of its own, silently. */
function refusePort(typed: string) {
  const { npm_config_port: port } = process.env
  if (port === undefined) return
  throw new UsageError(`The port comes from the environment: PORT=${port} ${typed}`)
}

async function assertFree(setting: 'PORT' | 'TLS_PORT', listen: Listen, typed: string) {
  if ('fd' in listen) return
  const probe = createServer().listen(listen)
  try {
    await once(probe, 'listening')
  } catch (error) {
    const another = listen.port < 1024 ? 8080 : (listen.port % 65535) + 1
    const { message } = error as Error
    throw new Error(
      `${setting} ${listen.port} cannot be used (${message}): set another, such as ${setting}=${another} ${typed}`,
    )
  }
  probe.close()
  await once(probe, 'close')
}

/**
 * Prints the output of a server until it ends, and its address once all workers are up. The child has
 * a process group of its own, so that it gets each signal only once, from here.
 */
export async function serveUntilSignal(
  child: ChildProcess,
  config: Config,
  { isNoise = () => false }: { isNoise?: (line: string) => boolean } = {},
) {
  let ending = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!ending) child.kill('SIGTERM')
      ending = true
    })
  }
  createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    if (!isNoise(line) && !(ending && line.includes(' PM2 log: '))) console.log(line)
  })
  const ended = once(child, 'close')
  await printAddress(child, config)
  const [code] = await ended
  process.exitCode = code ?? (ending ? 0 : 1)
}

async function printAddress(child: ChildProcess, { listen, tls, workers }: Config) {
  if ('fd' in listen) return
  const url = `http://${placeOf(listen)}`
  while ((await countWorkers(url)) < workers) {
    if (child.exitCode !== null || child.signalCode !== null) return
    await sleep(100)
  }
  const secure = tls && !('fd' in tls.listen) ? ` and https://${placeOf(tls.listen)}` : ''
  console.log(`\nonebox is up at ${url}${secure} (Ctrl-C ends it)\n`)
}

function placeOf({ host, port }: { host: string; port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
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
