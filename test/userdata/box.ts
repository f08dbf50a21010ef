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

/** What the scripts need of a machine; elsewhere, their tests are skipped. */
export const missing =
  process.platform === 'linux'
    ? needs('bash', 'curl', 'python3', 'tar', 'zstd', 'flock')
    : 'needs Linux, as the scripts do'

export interface Worker {
  worker: string
  release: string
  startedAt: string
  draining: boolean
}

export interface Outcome {
  exitCode: number
  output?: string
}

export interface Deploy {
  runtime?: string
  release?: string
  environment?: Record<string, string>
}

export interface Box {
  root: string
  s3: FakeS3
  metadata: FakeMetadata
  credentials: Credentials
  /** What systemctl was told to do, without what it was only asked. */
  commands: string[]
  /** What a command of systemctl comes to, where it is not to succeed; may take its time. */
  outcomes: Map<string, Outcome | (() => Outcome | Promise<Outcome>)>
  /** What GET /healthz tells of. */
  workers: Worker[]
  /** The workers of a generation that has just been started. */
  start: (release: string, count: number) => Worker[]
  /** Puts a release in the bucket, packed with these options of tar, and gives its id. */
  uploadRelease: (options: string[]) => string
  /** One that ends in its middle, under the SHA-256 of what is left. */
  uploadHalfRelease: () => string
  /** Puts desired.json in the bucket and gives the generation. */
  want: (deploy: Deploy) => string
  /** The size of the data volume, and that which its file system was last grown to. */
  setVolume: (size: { noted: number; sectors: number }) => void
  run: (args?: string[], options?: { fullDisk?: string }) => Run
  converge: () => Promise<Ended>
  report: () => Record<string, string>
  /** The generation that a link names. */
  named: (link: string) => string | undefined
  /** Names in /opt/onebox/FOLDER. */
  list: (folder: string) => string[]
  /** Uploads a version and makes it wanted. */
  prepare: (version?: Version) => { generation: string; release: string }
  /** The same, and lets converge see to it. */
  deploy: (version?: Version) => Promise<Ended & { generation: string; release: string }>
  writeFile: (path: string, content: string) => void
  breakCommand: (name: string) => void
  mendCommand: (name: string) => void
}

/** What differs from the first deploy of a box. */
export interface Version {
  server?: string
  runtime?: string
  ecosystem?: string
  environment?: Record<string, string>
}

export interface Ended {
  exitCode: number | null
  output: string
}

export interface Run {
  ended: Promise<Ended>
  /** Ends it and all that it has started, as a power cut would. */
  kill: () => void
}

const region = 'eu-west-1'

/** An instance in a folder: the real scripts, with only systemd and the workers made up. */
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
    mendCommand: (name) => rmSync(join(root, 'bin', name)),
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

  function run(args: string[] = [], { fullDisk = '' } = {}): Run {
    const command = ['bash', join(userdata, 'converge.sh'), ...args]
    const mount = `mount -t tmpfs -o size=1m tmpfs "${join(root, fullDisk)}" && exec "$0" "$@"`
    const inside = ['--map-root-user', '--mount', 'sh', '-c', mount, ...command]
    const [file = '', ...rest] = fullDisk ? ['unshare', ...inside] : command
    const child = spawn(file, rest, {
      env: {
        // The system's own python3 first: it starts many times, and that of a version manager slowly.
        PATH: `${join(root, 'bin')}:/usr/bin:/bin:${process.env.PATH}`,
        ONEBOX_ROOT: root,
        BUCKET_URL: `${s3.url}/bucket`,
        REGION: region,
        METADATA_URL: metadata.url,
        SITE_URL: control.url,
        READY_SECONDS: '1',
        DRAIN_SECONDS: '0',
        STALL_SECONDS: '2',
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
      writeCommand(root, name, tellingScript(name, url))
    // What it protects from cannot be made to happen here, and a busy disk takes seconds for it.
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
    const told = path === '/systemctl' ? body : `journalctl ${body.split(' ')[0]}`
    if (/^(re)?(start|load)|^stop/.test(told)) box.commands.push(told)
    const outcome = box.outcomes.get(told) ?? { exitCode: 0 }
    const { exitCode, output } = typeof outcome === 'function' ? await outcome() : outcome
    if (exitCode === 0) act(told)
    return [exitCode, output ?? answerTo(told)]
  }

  function health(): [number, string] {
    return [200, JSON.stringify({ status: 'ok', workers: box.workers })]
  }

  function act(told: string) {
    if (/^(restart|reload --no-block) onebox.service$/.test(told)) {
      if (told.startsWith('restart')) starts += 1
      const current = join(root, 'opt/onebox/current')
      const settings = readFileSync(join(current, 'settings.env'), 'utf8')
      const count = Number(/^WEB_CONCURRENCY=(\d+)$/m.exec(settings)?.[1] ?? 1)
      box.workers = box.start(nameOf(join(current, 'release')) as string, count)
    }
    if (told.startsWith('stop')) box.workers = []
  }

  function answerTo(told: string): string {
    if (told.includes('MainPID')) return String(starts)
    if (told.includes('Result')) return 'exit-code'
    return ''
  }
}

/** The test decides on the exit code and on what it says. */
function tellingScript(name: string, url: string): string {
  return `answer=$(curl --silent --noproxy '*' --data "$*" ${url}/${name}) || exit 70
printf '%s' "\${answer%$'\\n'*}"
exit "\${answer##*$'\\n'}"`
}

export function writeCommand(root: string, name: string, script: string) {
  const path = join(root, 'bin', name)
  writeFileSync(path, `#!/bin/bash\n${script}\n`)
  chmodSync(path, 0o755)
}

function makeFolders(root: string) {
  for (const folder of ['bin', 'data', 'opt']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
}

let starting = 0

/** Each with a start of its own, which need not be a time of today. */
export function makeWorkers(release: string, count: number): Worker[] {
  return Array.from({ length: count }, (_, index) => {
    starting += 1
    const startedAt = new Date(starting * 1000).toISOString()
    return { worker: String(index), release, startedAt, draining: false }
  })
}

/** With tar and zstd themselves, as a release may come from anywhere. */
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
    // It has ended.
  }
}

/** One with its first deploy behind it, of which nothing is noted. */
export async function startLiveBox(t: TestContext): Promise<Box> {
  const box = await startBox(t)
  await box.deploy()
  assert.equal(box.report().status, 'live')
  box.commands.length = 0
  box.s3.requests.length = 0
  return box
}
