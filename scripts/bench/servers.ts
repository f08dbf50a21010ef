import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, truncateSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cores, onServerCore } from './cores.ts'
import type { Options } from './options.ts'
import { start, stop } from './processes.ts'

const startTimeoutMs = 20_000
const answerTimeoutMs = 20_000
/** The kernel ends a server whose benchmark was killed and could not. */
const endsWithUs = ['setpriv', '--pdeathsig', 'TERM']

export interface Contestant {
  name: string
  version: string
  command: (port: number) => string[]
  cwd?: string
  env?: Record<string, string>
}

/** What the whole run shares. */
export interface Bench {
  options: Options
  folder: string
  cores: Cores
  contestants: Contestant[]
  page: Record<string, string>
  slowDisk?: string | null
  failures: string[]
}

export interface Server {
  name: string
  url: string
  pid: number
  dataDir: string
  log: string
  child: ChildProcess
}

export interface ServerSettings {
  fsyncDelayMs?: number
  dataDir?: string
}

/** Starts the servers, lets `use` work with them, and ends them whatever comes of it. */
export async function withServers<T>(
  bench: Bench,
  contestants: Contestant[],
  settings: ServerSettings,
  use: (servers: Server[]) => Promise<T>,
): Promise<T> {
  const servers: Server[] = []
  try {
    for (const contestant of contestants) {
      servers.push(await startServer(bench, contestant, settings))
    }
    return await use(servers)
  } finally {
    await Promise.all(servers.map(({ child }) => stop(child)))
  }
}

async function startServer(
  bench: Bench,
  contestant: Contestant,
  settings: ServerSettings,
): Promise<Server> {
  const { name } = contestant
  const folder = mkdtempSync(join(bench.folder, 'server-'))
  const dataDir = settings.dataDir ?? folder
  const log = join(folder, 'log')
  const port = await freePort()
  const env = {
    ...environment(bench, settings),
    ...contestant.env,
    PORT: `${port}`,
    DATA_DIR: dataDir,
  }
  const output = openSync(log, 'a')
  const command = [...endsWithUs, ...onServerCore(bench.cores, contestant.command(port))]
  const child = start(command, { cwd: contestant.cwd, env, stdio: ['ignore', output, output] })
  closeSync(output)
  const url = `http://127.0.0.1:${port}`
  const server = { name, url, pid: child.pid ?? 0, dataDir, log, child }
  await untilItAnswers(server)
  return server
}

function environment(bench: Bench, settings: ServerSettings): Record<string, string> {
  const slow = settings.fsyncDelayMs && bench.slowDisk
  return {
    PATH: process.env.PATH ?? '',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    NODE_ENV: 'production',
    PYTHONDONTWRITEBYTECODE: '1',
    ...bench.page,
    ...(slow && { LD_PRELOAD: slow, FSYNC_DELAY_MS: `${settings.fsyncDelayMs}` }),
  }
}

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const server = createServer().listen(0, '127.0.0.1', () => {
    const address = server.address() as { port: number }
    server.close(() => resolve(address.port))
  })
  return promise
}

async function untilItAnswers({ name, url, child, log }: Server) {
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const answer = await ask('GET', `${url}/`).catch(() => null)
    if (answer?.status === 200) return
    await delay(50)
  }
  throw new Error(`${name} did not start:\n${readFileSync(log, 'utf8').slice(-2000)}`)
}

/** One request on a connection of its own. */
export async function ask(method: string, url: string, body = '') {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    headers: IncomingHttpHeaders
    body: string
  }>()
  const headers = body === '' ? {} : { 'content-type': 'text/plain' }
  const options = { method, agent: false, timeout: answerTimeoutMs, headers }
  const asked = request(url, options, async (response) => {
    const answer = { status: response.statusCode ?? 0, headers: response.headers }
    resolve({ ...answer, body: await text(response) })
  })
  asked.on('timeout', () => asked.destroy(new Error(`${method} ${url}: no answer`)))
  asked.on('error', reject)
  asked.end(body)
  return promise
}

/** The log of a round is of no more use, and would grow by gigabytes. */
export function emptyLog({ log }: Server) {
  truncateSync(log)
}
