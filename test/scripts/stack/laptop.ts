import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { type FakeAws, startAws } from '../../support/aws-api.ts'
import type { Properties } from '../../support/engine.ts'
import { inherited } from '../../support/inherited.ts'
import type { Lifetime } from '../../support/lifetime.ts'
import { installPulumi } from '../../support/pulumi-cli/install.ts'
import { isThere, provide } from '../../support/pulumi-cli/provider.ts'
import type { StoredResource } from '../../support/pulumi-cli/state.ts'
import { mainFile } from '../../support/server.ts'
import { type Ended, main, serve } from '../command.ts'
import { createInstance, type FakeInstance } from './instance.ts'

/** The machine of somebody who has cloned the repository, with their AWS account. */
export interface Laptop {
  home: string
  env: Record<string, string>
  aws: FakeAws
  instance: FakeInstance
  cloud: Cloud
  /** Runs a command of `npx onebox` in the home folder. */
  run: (command: string, ...args: string[]) => Promise<Ended>
  /** The commands that were run over SSH. */
  readonly ssh: string[]
}

interface Cloud {
  /** Errors of AWS, by resource type. */
  refusals: Record<string, string>
  /** Answers of AWS to the program's lookups, instead of the usual ones. */
  answers: Record<string, Properties>
  /** Called before each change. */
  onChange: (operation: string, resource: StoredResource) => void | Promise<void>
}

const repository = resolve(import.meta.dirname, '../../..')

export async function makeLaptop(t: TestContext): Promise<Laptop> {
  const aws = await startAws(t)
  const instance = await createInstance(t)
  const cloud: Cloud = { refusals: {}, answers: {}, onChange() {} }
  aws.onInstances = followInstances(aws, instance)
  const { home, env } = await makeHome(t, aws, await startCloud(t, cloud, aws, instance))
  env.FAKE_DATA = instance.dataDir
  installSsh(join(home, 'bin'))
  makeKey(home)
  const sshLog = join(home, 'ssh.log')
  return {
    home,
    env,
    aws,
    instance,
    cloud,
    run(command, ...args) {
      return execute(process.execPath, [main, command, ...args], { cwd: home, env })
    },
    get ssh() {
      return existsSync(sshLog) ? readFileSync(sshLog, 'utf8').trim().split('\n') : []
    },
  }
}

/** A home folder with everything that our commands need except ssh, and a cloud as in install.ts. */
export async function makeHome(t: Lifetime, aws: FakeAws, cloudUrl: string) {
  const home = mkdtempSync(join(tmpdir(), 'onebox-home-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const bin = join(home, 'bin')
  installPulumi(bin)
  linkTools(bin)
  mkdirSync(join(home, '.ssh'))
  const env: Record<string, string> = {
    ...inherited,
    HOME: home,
    PATH: `${bin}:/usr/bin:/bin`,
    NODE_COMPILE_CACHE: join(repository, 'dist/compile-cache'),
    AWS_ENDPOINT_URL: aws.url,
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    AWS_EC2_METADATA_DISABLED: 'true',
    CHECK_IP_URL: await serve(t, (_, response) => response.end('198.51.100.7\n')),
    FAKE_CLOUD_URL: cloudUrl,
  }
  return { home, env }
}

/** Runs a program until it ends, in whatever way. */
export function execute(
  program: string,
  args: string[],
  options: { cwd: string; env: Record<string, string>; timeout?: number },
): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 300_000, ...options }, (failure, out, error) => {
      resolve({ code: failure ? Number(failure.code ?? -1) : 0, out, error })
    })
  })
}

/** The same as `run`, but in a terminal where somebody types. */
export async function inTerminal(
  { home, env }: Laptop,
  typed: string,
  command: string,
  ...args: string[]
): Promise<Ended> {
  const words = [process.execPath, main, command, ...args]
  const line = words.map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd: home,
    env: { ...env, TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 300_000,
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
    // Anything typed before the question might be lost.
    if (/( \[y\/N\]|continue:) $/.test(stripVTControlCharacters(out))) child.stdin.write(typed)
  })
  const [code] = await once(child, 'close')
  return { code, out: stripVTControlCharacters(out).replaceAll('\r', ''), error: '' }
}

/** The same as `run`, but returns the process, to kill it half-way. */
export function start({ env }: Laptop, command: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [main, command, ...args], { env, stdio: 'ignore', detached: true })
}

/** The tools that build a release: Node and npm, as `npm run` has them in PATH. */
function linkTools(bin: string) {
  symlinkSync(process.execPath, join(bin, 'node'))
  const npm = process.env.PATH?.split(':').map((folder) => join(folder, 'npm'))
  for (const file of npm ?? []) {
    try {
      return symlinkSync(realpathSync(file), join(bin, 'npm'))
    } catch {}
  }
}

function makeKey(home: string) {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ5IHRlc3Rz anna@laptop\n'
  writeFileSync(join(home, '.ssh/id_ed25519.pub'), key)
}

/**
 * An `ssh` that runs the command on this machine, with stand-ins for the instance's tools and its
 * folder for /data. FAKE_SSH_CLOSED refuses connections, FAKE_SSH_CUT is how many bytes get through.
 */
function installSsh(bin: string) {
  const remote = join(dirname(bin), 'remote-bin')
  mkdirSync(remote)
  const ssh = `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift 2; done
echo "$@" >>"$HOME/ssh.log"
host=$1 && shift
if [ -n "$FAKE_SSH_CLOSED" ]; then
  echo "ssh: connect to host $host port 22: Connection timed out" >&2
  exit 255
fi
PATH=${remote}:$PATH exec sh -c "$(echo "$*" | sed "s,/data/,$FAKE_DATA/,g")"
`
  const sudo = `#!/bin/sh
if [ "$1" = -u ]; then shift 2; fi
exec "$@"
`
  const onebox = `#!/bin/sh
case $1 in
  backup | restore) DATA_DIR=$FAKE_DATA exec "${process.execPath}" "${mainFile}" "$@" ;;
  *) echo "onebox $*" ;;
esac
`
  writeFileSync(join(bin, 'ssh'), ssh, { mode: 0o755 })
  const cat = `#!/bin/sh
exec head -c "\${FAKE_SSH_CUT:-1000000000}" "$@"
`
  const tee = `#!/bin/sh
exec head -c "\${FAKE_SSH_CUT:-1000000000}" >"$1"
`
  const tools = { sudo, onebox, cat, tee }
  for (const [name, text] of Object.entries(tools)) {
    writeFileSync(join(remote, name), text, { mode: 0o755 })
  }
}

/** The site serves while an instance with the data runs. */
function followInstances(aws: FakeAws, instance: FakeInstance) {
  let wasServing = false
  return async () => {
    const isServing = aws.instances.some(({ state, volumeIds }) => {
      return state === 'running' && volumeIds.length > 0
    })
    const isSame = isServing === wasServing
    wasServing = isServing
    if (!isSame) await (isServing ? instance.boot() : instance.stop())
  }
}

/** Simulates what happens on AWS when the Pulumi CLI changes something. */
function startCloud(t: TestContext, cloud: Cloud, aws: FakeAws, instance: FakeInstance) {
  const outputs = { 'aws:ec2/eip:Eip': { publicIp: instance.address } }
  return serve(t, async (request, response) => {
    if (request.method === 'GET') {
      return response.end(JSON.stringify({ ...outputs, ...cloud.answers }))
    }
    const { operation, resource } = JSON.parse(await text(request))
    if (request.url === '/read') {
      return response.writeHead(isThere(aws, resource) ? 200 : 404).end()
    }
    await cloud.onChange(operation, resource)
    const refusal = cloud.refusals[resource.type] ?? (await provide(aws, operation, resource))
    if (refusal) return response.writeHead(400).end(refusal)
    await follow(operation, resource, aws, instance)
    response.end()
  })
}

async function follow(
  operation: string,
  { type, name, inputs }: StoredResource,
  aws: FakeAws,
  instance: FakeInstance,
) {
  const isGone = operation.startsWith('delete')
  if (type.endsWith(':TopicSubscription')) aws.subscriptions[inputs.topic] = 'PendingConfirmation'
  if (type === 'aws:ebs/volume:Volume' && isGone) {
    const { size, tags } = inputs
    const snapshot = { id: 'snap-0123456789abcdef0', volumeGiB: size, bytes: 2 ** 30 }
    aws.snapshots.push({ ...snapshot, at: new Date(), tags })
  }
  if (type !== 'aws:s3/bucketObjectv2:BucketObjectv2' || isGone) return
  aws.objects.set(`${inputs.bucket}/${inputs.key}`, { at: new Date(), bytes: 812_345 })
  if (name === 'desired') await instance.deploy(inputs.content)
}
