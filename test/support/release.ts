import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { zstdDecompressSync } from 'node:zlib'
import { extract } from 'tar'
import { buildRelease as build } from '../../provisioning/packaging/release.ts'
import type { Health } from '../../server/operations/health.ts'
import { freePort } from './free-port.ts'
import { inherited } from './inherited.ts'
import type { Lifetime } from './lifetime.ts'
import { makeDataDir } from './server.ts'

export { freePort }

/** The release of this machine's platform, built in a folder of the test's own; gives its folder. */
export async function buildRelease(): Promise<string> {
  const { dir } = await build({ outDir: makeDataDir() })
  return dir
}

/** The files of an archive, in a new folder of this name. */
export function unpack(archive: string, name = 'unpacked'): string {
  const parent = makeDataDir()
  const dir = join(parent, name)
  mkdirSync(dir)
  writeFileSync(join(parent, 'archive.tar'), zstdDecompressSync(readFileSync(archive)))
  extract({ file: join(parent, 'archive.tar'), cwd: dir, sync: true })
  return dir
}

/** The same release under another id, as its folder's name is what tells it. */
export function copyRelease(dir: string, name: string): string {
  const copy = join(dir, '..', hash('sha256', name))
  cpSync(dir, copy, { recursive: true })
  return copy
}

/** A copy of a release whose schema has one step more. */
export function addMigration(dir: string, name: string, sql: string): string {
  const copy = copyRelease(dir, name)
  const file = join(copy, 'server.cjs')
  writeFileSync(file, withMigration(readFileSync(file, 'utf8'), sql))
  return copy
}

/** The code of a release with one step more, put in where the bundle lists them. */
export function withMigration(code: string, sql: string): string {
  const changed = code.replace(/(var migrations = \[[\s\S]*?)\n\];/, `$1,\n\`${sql}\`\n];`)
  assert.notEqual(changed, code, 'the bundle lists its migrations')
  return changed
}

/** Points a link at a release, at one stroke as a deploy does. */
export function switchLink(link: string, dir: string) {
  symlinkSync(dir, `${link}.next`)
  renameSync(`${link}.next`, link)
}

/** A child that is killed with the test if it has not ended by then. */
export function spawnFor(
  t: Lifetime,
  args: string[],
  { env = {}, command = process.execPath }: { env?: NodeJS.ProcessEnv; command?: string } = {},
): ChildProcess & { output: () => string } {
  const child = spawn(command, args, {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-20_000)
    })
  }
  t.after(() => endChild(child, 'SIGTERM'))
  return Object.assign(child, { output: () => output })
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL') {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** Waits, bounded, until the health of a server is as wanted; its failure tells what it saw last. */
export async function untilHealth(
  url: string,
  isWanted: (health: Health) => boolean,
  timeoutMs = 60_000,
): Promise<Health> {
  const deadline = Date.now() + timeoutMs
  for (let last: unknown; ; await sleep(50)) {
    try {
      const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5000) })
      const health = (await response.json()) as Health
      if (isWanted(health)) return health
      last = health
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline) throw new Error(`Not in time: ${JSON.stringify(last) ?? last}`)
  }
}

export interface Worker {
  url: string
  start: () => Promise<void>
  kill: () => Promise<void>
}

interface WorkerOptions {
  release: string
  dataDir: string
  name?: string
  /** The command that runs Node. */
  node?: string[]
  /** More settings. */
  settings?: Record<string, string>
}

/** A worker of its own without pm2, started and killed as the test likes. */
export async function startWorker(
  t: TestContext,
  { release, dataDir, name = '0', node = [process.execPath], settings = {} }: WorkerOptions,
): Promise<Worker> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const own = { PORT: String(port), NODE_APP_INSTANCE: name, LOG_LEVEL: 'error' }
  const env = { ...inherited, ...own, DATA_DIR: dataDir, WEB_CONCURRENCY: '1', ...settings }
  let child: ChildProcess
  await start()
  t.after(() => endChild(child))
  return { url, start, kill: () => endChild(child) }

  async function start() {
    const [command = '', ...flags] = node
    child = spawn(command, [...flags, join(release, 'server.cjs')], { env, stdio: 'inherit' })
    await untilHealth(url, ({ status }) => status === 'ok')
  }
}
