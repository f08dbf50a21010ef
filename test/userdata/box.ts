import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { type FakeMetadata, startMetadata } from '../support/metadata.ts'
import { type FakeS3, startS3 } from '../support/s3.ts'
import { makeDataDir } from '../support/server.ts'
import { type Credentials, makeCredentials } from '../support/sigv4.ts'
import { needs } from '../support/tools.ts'

export const userdata = resolve(import.meta.dirname, '../../userdata')

/** Why the scripts cannot run on this machine, or false. */
export const missing =
  process.platform === 'linux'
    ? needs('bash', 'curl', 'python3', 'tar', 'zstd', 'flock')
    : 'needs Linux'

interface Worker {
  worker: string
  release: string
  startedAt: string
  draining: boolean
}

type Report = Record<string, string> & { log?: string[] }

interface Outcome {
  exitCode: number
  output?: string
}

interface Deploy {
  runtime?: string
  release?: string
  environment?: Record<string, string>
}

export interface Box {
  root: string
  s3: FakeS3
  metadata: FakeMetadata
  credentials: Credentials
  /** The commands that systemctl got, without queries. */
  commands: string[]
  /** How a systemctl command ends, unless it succeeds at once. */
  outcomes: Map<string, Outcome | (() => Outcome | Promise<Outcome>)>
  /** The workers in the answer to GET /healthz. */
  workers: Worker[]
  /** Makes the workers of a generation that was just started. */
  start: (release: string, count: number) => Worker[]
  /** Puts a release in the bucket, packed with these tar options, and returns its id. */
  uploadRelease: (options: string[]) => string
  /** Puts a truncated release in the bucket, under its actual SHA-256, and returns its id. */
  uploadHalfRelease: () => string
  /** Puts desired.json in the bucket and returns the generation. */
  want: (deploy: Deploy) => string
  /** Sets the size of the data volume, and the size noted when its file system last grew. */
  setVolume: (size: { noted: number; sectors: number }) => void
  run: (args?: string[], options?: { fullDisk?: string; watchSeconds?: number }) => Run
  converge: () => Promise<Ended>
  report: () => Report
  /** The generation that a link points to. */
  named: (link: string) => string | undefined
  /** Names in /opt/onebox/FOLDER. */
  list: (folder: string) => string[]
  /** Uploads a version and names it in desired.json. */
  prepare: (version?: Version) => { generation: string; release: string }
  /** Prepares a version and runs converge. */
  deploy: (version?: Version) => Promise<Ended & { generation: string; release: string }>
  writeFile: (path: string, content: string) => void
  breakCommand: (name: string) => void
  fixCommand: (name: string) => void
}

/** How a deploy differs from a box's first one. */
interface Version {
  server?: string
  runtime?: string
  ecosystem?: string
  environment?: Record<string, string>
}

interface Ended {
  exitCode: number | null
  output: string
}

interface Run {
  ended: Promise<Ended>
  /** Kills the run and all processes that it started, as a power cut would. */
  kill: () => void
}

const region = 'eu-west-1'

/** An instance in a folder: the real scripts with a simulated systemd and workers. */
export async function startBox(t: TestContext): Promise<Box> {
  const root = makeDataDir()
  makeFolders(root)
  const credentials = makeCredentials()
  const s3 = await startS3({ credentials, region })
  const metadata = await startMetadata({ credentials })
  const control = await startControl()
  t.after(() => Promise.all([s3.close(), metadata.close(), control.close()]))

  let starts = 0
  const box: Box = {
    root,
    s3,
    metadata,
    credentials,
    commands: [],
    outcomes: new Map(),
    workers: [],
    start: (release, count) => makeWorkers(release, count),
    uploadRelease: (options) => store('releases', pack({ 'server.cjs': options.join() }, options)),
    uploadHalfRelease: () => store('releases', pack({ 'server.cjs': 'half' }).subarray(0, 60)),
    setVolume,
    want,
    run,
    converge: () => run().ended,
    report: () => JSON.parse(readFileSync(join(root, 'var/lib/onebox/converge.json'), 'utf8')),
    named: (link) => nameOf(join(root, 'opt/onebox', link)),
    list: (folder) => readdirSync(join(root, 'opt/onebox', folder)).sort(),
    prepare,
    deploy,
    writeFile,
    breakCommand: (name) => writeCommand(root, name, 'exit 70'),
    fixCommand: (name) => rmSync(join(root, 'bin', name)),
  }
  return box

  async function deploy(version?: Version) {
    const prepared = prepare(version)
    return { ...(await box.converge()), ...prepared }
  }

  function prepare(version: Version = {}) {
    const { server = 'the first', runtime = 'the first', ecosystem = '', environment } = version
    const files = { 'server.cjs': server, 'ecosystem.config.cjs': ecosystem }
    const release = store('releases', pack(files))
    const runtimeId = store('runtimes', pack({ 'bin/node': runtime }))
    return { release, generation: want({ release, runtime: runtimeId, environment }) }
  }

  function writeFile(path: string, content: string) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }

  function store(kind: string, archive: Buffer): string {
    const id = hash('sha256', archive)
    s3.objects.set(`bucket/${kind}/${id}.tar.zst`, archive)
    return id
  }

  function want({ runtime, release, environment = { WEB_CONCURRENCY: '2' } }: Deploy): string {
    const content = JSON.stringify({ runtime, release, environment })
    s3.objects.set('bucket/desired.json', Buffer.from(content))
    return hash('sha256', content)
  }

  function setVolume({ noted, sectors }: { noted: number; sectors: number }) {
    writeFile('sys/class/block/nvme1n1/size', `${sectors}\n`)
    writeFile('run/onebox-data-volume', `nvme1n1 ${noted}\n`)
  }

  function run(args: string[] = [], { fullDisk = '', watchSeconds = 60 } = {}): Run {
    const command = ['bash', join(userdata, 'converge.sh'), ...args]
    const mount = `mount -t tmpfs -o size=1m tmpfs "${join(root, fullDisk)}" && exec "$0" "$@"`
    const inside = ['--map-root-user', '--mount', 'sh', '-c', mount, ...command]
    const [file = '', ...rest] = fullDisk ? ['unshare', ...inside] : command
    const child = spawn(file, rest, {
      env: {
        // The system's python3 first: it runs many times, and a version manager's starts slowly.
        PATH: `${join(root, 'bin')}:/usr/bin:/bin:${process.env.PATH}`,
        ONEBOX_ROOT: root,
        BUCKET_URL: `${s3.url}/bucket`,
        REGION: region,
        METADATA_URL: metadata.url,
        SITE_URL: control.url,
        READY_SECONDS: '1',
        DRAIN_SECONDS: '0',
        STALL_SECONDS: '2',
        POLL_SECONDS: '1',
        RETRY_SECONDS: '1',
        WATCH_SECONDS: String(watchSeconds),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    t.after(() => killGroup(child))
    return { ended: endOf(child), kill: () => killGroup(child) }
  }

  /** systemd, the journal and the workers, on one port. */
  async function startControl() {
    const server = createServer(async (request, response) => {
      const [exitCode, answer] = await reply(request.url as string, await text(request))
      response.writeHead(request.url === '/healthz' ? exitCode : 200)
      response.end(request.url === '/healthz' ? answer : `${answer}\n${exitCode}`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (const name of ['systemctl', 'journalctl'])
      writeCommand(root, name, forwardingScript(name, url))
    // No test can lose unsynced data, and on a busy disk sync takes seconds.
    writeCommand(root, 'sync', 'exit 0')
    writeCommand(root, 'sleep', 'exec /bin/sleep 0.2')
    return {
      url,
      async close() {
        server.close()
        server.closeAllConnections()
      },
    }
  }

  async function reply(path: string, body: string): Promise<[number, string]> {
    if (path === '/healthz') return box.workers.length > 0 ? health() : [503, '']
    const command = path === '/systemctl' ? body : `journalctl ${body.split(' ')[0]}`
    if (/^(re)?(start|load)|^stop/.test(command)) box.commands.push(command)
    const outcome = box.outcomes.get(command) ?? { exitCode: 0 }
    const { exitCode, output } = typeof outcome === 'function' ? await outcome() : outcome
    if (exitCode === 0) act(command)
    return [exitCode, output ?? answerTo(command)]
  }

  function health(): [number, string] {
    return [200, JSON.stringify({ status: 'ok', workers: box.workers })]
  }

  function act(command: string) {
    if (/^(restart|reload --no-block) onebox.service$/.test(command)) {
      if (command.startsWith('restart')) starts += 1
      const current = join(root, 'opt/onebox/current')
      const settings = readFileSync(join(current, 'settings.env'), 'utf8')
      const count = Number(/^WEB_CONCURRENCY=(\d+)$/m.exec(settings)?.[1] ?? 1)
      box.workers = box.start(nameOf(join(current, 'release')) as string, count)
    }
    if (command.startsWith('stop')) box.workers = []
  }

  function answerTo(command: string): string {
    if (command.includes('MainPID')) return String(starts)
    if (command.includes('Result')) return 'exit-code'
    return ''
  }
}

/** Passes a command on to the test, which returns its output and exit code. */
function forwardingScript(name: string, url: string): string {
  return `answer=$(curl --silent --noproxy '*' --data "$*" ${url}/${name}) || exit 70
printf '%s' "\${answer%$'\\n'*}"
exit "\${answer##*$'\\n'}"`
}

export function writeCommand(root: string, name: string, script: string) {
  const path = join(root, 'bin', name)
  writeFileSync(path, `#!/bin/bash\n${script}\n`)
  chmodSync(path, 0o755)
}

/** The control group that a running server has. */
export const serverGroup = 'sys/fs/cgroup/system.slice/onebox.service'

function makeFolders(root: string) {
  for (const folder of ['bin', 'data', 'opt', serverGroup]) {
    mkdirSync(join(root, folder), { recursive: true })
  }
}

let starting = 0

/** Each with its own start time, long ago. */
export function makeWorkers(release: string, count: number): Worker[] {
  return Array.from({ length: count }, (_, index) => {
    starting += 1
    const startedAt = new Date(starting * 1000).toISOString()
    return { worker: String(index), release, startedAt, draining: false }
  })
}

/** Uses tar and zstd directly, to make archives that our own code would not. */
function pack(files: Record<string, string>, options: string[] = []): Buffer {
  const dir = makeDataDir()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(dir, dirname(name)), { recursive: true })
    writeFileSync(join(dir, name), content)
  }
  const fixed = ['--mtime=@0', '--zstd', '--directory', dir]
  const args = ['--create', ...options, ...fixed, ...Object.keys(files)]
  return execFileSync('tar', args, { maxBuffer: 2 ** 26 })
}

function nameOf(link: string): string | undefined {
  try {
    return basename(readlinkSync(link))
  } catch {
    return undefined
  }
}

async function endOf(child: ChildProcess): Promise<Ended> {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk
    })
  }
  await once(child, 'close')
  return { exitCode: child.exitCode, output }
}

function killGroup(child: ChildProcess) {
  try {
    process.kill(-(child.pid as number), 'SIGKILL')
  } catch {
    // It has already ended.
  }
}

/** A box after its first deploy, with empty records of commands and requests. */
export async function startLiveBox(t: TestContext): Promise<Box> {
  const box = await startBox(t)
  await box.deploy()
  assert.equal(box.report().status, 'live')
  box.commands.length = 0
  box.s3.requests.length = 0
  return box
}
