import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, truncateSync } from 'node:fs'
import { Agent } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, request } from '../site/client.ts'
import { type Cores, onServerCore } from './cores.ts'
import type { Options } from './options.ts'
import { start, stop } from './processes.ts'

const startTimeoutMs = 20_000
const answerTimeoutMs = 20_000
const ownConnection = new Agent({ keepAlive: false })
/** If the benchmark is killed, the kernel ends its servers. */
const endsWithUs = ['setpriv', '--pdeathsig', 'TERM']
// Without -I, strace -o ignores SIGTERM.
const strace = ['strace', '-I', '2', '-f', '--seccomp-bpf', '-qq', '-e', 'trace=fsync,fdatasync']

export interface Contestant {
  name: string
  version: string
  command: (port: number) => string[]
  cwd?: string
  env?: Record<string, string>
  /** By default, one commit per PUT, on disk before the answer. */
  commits?: 'grouped' | 'unsynced'
}

/** What the whole run shares. */
export interface Bench {
  options: Options
  folder: string
  cores: Cores
  contestants: Contestant[]
  /** Contestants that speak HTTPS for another. */
  proxies: Contestant[]
  page: Record<string, string>
  slowDisk?: string | null
  failures: string[]
}

/** A contestant that serves. */
export interface Running {
  name: string
  url: string
  /** With TLS; '' without `tlsFile`. */
  secureUrl: string
  pid: number
  dataDir: string
  log: string
  /** Its fsyncs, one per line, if it is traced. */
  trace: string
  child: ChildProcess
}

export interface ServerSettings {
  fsyncDelayMs?: number
  dataDir?: string
  /** Where the servers get folders for their data; the benchmark's folder by default. */
  parent?: string
  traced?: boolean
  /** Has the servers speak HTTPS too, with this key and certificate. */
  tlsFile?: string
}

/** Starts the servers, passes them to `use`, and stops them afterwards, also if it fails. */
export async function withServers<T>(
  bench: Bench,
  contestants: Contestant[],
  settings: ServerSettings,
  use: (servers: Running[]) => Promise<T>,
): Promise<T> {
  const servers: Running[] = []
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
): Promise<Running> {
  const { name } = contestant
  const folder = mkdtempSync(join(settings.parent ?? bench.folder, 'server-'))
  const dataDir = settings.dataDir ?? folder
  const [log, trace] = [join(folder, 'log'), join(folder, 'fsyncs')]
  const [port, tlsPort] = [await freePort(), await freePort()]
  const env = {
    ...environment(bench, settings),
    ...contestant.env,
    ...(settings.tlsFile && { TLS_FILE: settings.tlsFile, TLS_PORT: `${tlsPort}` }),
    PORT: `${port}`,
    DATA_DIR: dataDir,
  }
  const output = openSync(log, 'a')
  const pinned = onServerCore(bench.cores, contestant.command(port))
  const command = [...endsWithUs, ...(settings.traced ? [...strace, '-o', trace] : []), ...pinned]
  const child = start(command, { cwd: contestant.cwd, env, stdio: ['ignore', output, output] })
  closeSync(output)
  const url = `http://127.0.0.1:${port}`
  const secureUrl = settings.tlsFile ? `https://127.0.0.1:${tlsPort}` : ''
  const server = { name, url, secureUrl, pid: child.pid ?? 0, dataDir, log, trace, child }
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

export async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const server = createServer().listen(0, '127.0.0.1', () => {
    const address = server.address() as { port: number }
    server.close(() => resolve(address.port))
  })
  return promise
}

async function untilItAnswers({ name, url, child, log }: Running) {
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const answer = await send('GET', `${url}/`).catch(() => null)
    if (answer?.status === 200) return
    await delay(50)
  }
  throw new Error(`${name} did not start:\n${readFileSync(log, 'utf8').slice(-2000)}`)
}

/**
 * Sends one request on a connection of its own. A `Connection: close` would not do: Node uses the
 * connection again unless the answer says so, too, and Bun's does not.
 */
export function send(method: string, url: string, body?: string): Promise<Answer> {
  const headers: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'text/plain' }
  return request(url, { method, headers, body, agent: ownConnection, timeoutMs: answerTimeoutMs })
}

/** After a round, the log is not needed, and it would grow by gigabytes. */
export function emptyLog({ log }: Running) {
  truncateSync(log)
}
