import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { buildRuntime } from '../../../provisioning/packaging/runtime.ts'
import { type FakeAws, startAws } from '../../support/aws-api.ts'
import { createCloud } from '../../support/aws-provider.ts'
import { inherited } from '../../support/inherited.ts'
import type { Lifetime } from '../../support/lifetime.ts'
import type { Properties } from '../../support/properties.ts'
import { findPulumi } from '../../support/pulumi/cli.ts'
import { startPlugins } from '../../support/pulumi/plugins.ts'
import type { Cloud, CloudResource } from '../../support/pulumi/provider.ts'
import { mainFile } from '../../support/server.ts'
import { type Ended, serve } from '../command.ts'
import { createInstance, type FakeInstance } from './instance.ts'

/** The machine of somebody who has cloned the repository, with their AWS account. */
export interface Laptop {
  home: string
  /** The clone. */
  checkout: string
  env: Record<string, string>
  aws: FakeAws
  /** The first of several machines. */
  instance: FakeInstance
  cloud: Surprises
  /** Runs a command of `npx onebox` in the home folder. */
  run: (command: string, ...args: string[]) => Promise<Ended>
  /** Pulumi's state of a stack, `dev` unless it is named. */
  state: (stack?: string) => State
  /** The commands that were run over SSH. */
  readonly ssh: string[]
}

/** What AWS does besides what it should. */
interface Surprises {
  /** What AWS refuses, by type or by type and name: the error. */
  refusals: Record<string, string>
  /** Answers of AWS to the program's lookups, instead of the usual ones. */
  answers: Record<string, Properties>
  /** Called before each change, and once it is made but not yet answered. */
  onChange: (operation: string, resource: CloudResource) => unknown
  onChanged: (operation: string, resource: CloudResource) => unknown
}

interface State {
  resources: (CloudResource & { urn: string; delete?: boolean })[]
  pending_operations?: { type: string; resource: { urn: string } }[]
}

const repository = resolve(import.meta.dirname, '../../..')

export async function makeLaptop(t: TestContext): Promise<Laptop> {
  const aws = await startAws(t)
  const instance = await createInstance(t)
  aws.onInstances = followInstances(aws, instance)
  return makeLaptopFor(t, aws, [instance], { 'aws:ec2/eip:Eip': { publicIp: instance.address } })
}

/** The same in front of what runs on AWS; `outputs` say where, by type of resource. */
export async function makeLaptopFor(
  t: TestContext,
  aws: FakeAws,
  instances: [FakeInstance, ...FakeInstance[]],
  outputs: Record<string, Properties>,
): Promise<Laptop> {
  // With the user's own npm settings, as the laptop has none.
  await buildRuntime({ platform: 'linux-arm64' })
  const [instance] = instances
  const cloud: Surprises = { refusals: {}, answers: {}, onChange() {}, onChanged() {} }
  const { home, env } = await makeHome(t, aws, surprise(aws, cloud, instances, outputs))
  const checkout = join(home, 'onebox')
  checkOut(checkout)
  env.FAKE_DATA = instance.dataDir
  installSsh(join(home, 'bin'))
  makeKey(home)
  const sshLog = join(home, 'ssh.log')
  return {
    home,
    checkout,
    env,
    aws,
    instance,
    cloud,
    run(command, ...args) {
      return execute(process.execPath, [mainOf(checkout), command, ...args], { cwd: home, env })
    },
    state(stack = 'dev') {
      const { checkpoint } = JSON.parse(
        readFileSync(join(home, `.pulumi/stacks/onebox/${stack}.json`), 'utf8'),
      )
      return { resources: [], ...checkpoint.latest }
    },
    get ssh() {
      return existsSync(sshLog) ? readFileSync(sshLog, 'utf8').trim().split('\n') : []
    },
  }
}

/** A home folder with what our commands need besides ssh, and the Pulumi CLI in front of a cloud. */
export async function makeHome(t: Lifetime, aws: FakeAws, cloud: Cloud) {
  const home = mkdtempSync(join(tmpdir(), 'onebox-home-'))
  t.after(() => rmSync(home, { recursive: true, force: true, maxRetries: 3 }))
  const bin = join(home, 'bin')
  mkdirSync(bin)
  symlinkSync(findPulumi() ?? 'needsPulumi', join(bin, 'pulumi'))
  linkTools(bin)
  mkdirSync(join(home, '.ssh'))
  const env: Record<string, string> = {
    ...inherited,
    HOME: home,
    PATH: `${bin}:/usr/bin:/bin`,
    NODE_COMPILE_CACHE: join(repository, 'dist/compile-cache'),
    ...aws.env,
    AWS_EC2_METADATA_DISABLED: 'true',
    CHECK_IP_URL: await serve(t, (_, response) => response.end('198.51.100.7\n')),
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    // Nothing is asked of the world.
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1',
  }
  return { home, env: Object.assign(env, await startPlugins(t, cloud, env)) }
}

// The bundler names each file by its real path, which must be in the clone.
const bundled = 'better-sqlite3'

/** A clone with the packages and builds of this one, but without anybody's stacks. */
function checkOut(checkout: string) {
  const isOurs = (name: string) =>
    !/^(\.|backups|data|dist|docs|findings|node_modules|test)/.test(name)
  const isCode = (path: string) => !/\/node_modules|\/Pulumi\.\w+\.yaml$/.test(path)
  for (const name of readdirSync(repository).filter(isOurs)) {
    cpSync(join(repository, name), join(checkout, name), { recursive: true, filter: isCode })
  }
  const packages = join(repository, 'node_modules')
  cpSync(join(packages, bundled), join(checkout, 'node_modules', bundled), { recursive: true })
  for (const name of readdirSync(packages).filter((name) => name !== bundled)) {
    symlinkSync(join(packages, name), join(checkout, 'node_modules', name))
  }
  symlinkSync(join(repository, 'dist'), join(checkout, 'dist'))
}

function mainOf(checkout: string): string {
  return join(checkout, 'scripts/main.ts')
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
  { home, checkout, env }: Laptop,
  typed: string,
  command: string,
  ...args: string[]
): Promise<Ended> {
  const words = [process.execPath, mainOf(checkout), command, ...args]
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
    if (/( \[(y\/N|1-\d)\]|continue:|Passphrase of .*:) $/.test(stripVTControlCharacters(out)))
      child.stdin.write(typed)
  })
  const [code] = await once(child, 'close')
  return { code, out: stripVTControlCharacters(out).replaceAll('\r', ''), error: '' }
}

/** Runs a command and sends it signals once a thing of a type is made, but not yet noted. */
export async function interrupt(
  laptop: Laptop,
  words: readonly string[],
  type: string,
  signals: NodeJS.Signals[],
): Promise<Ended> {
  const { cloud } = laptop
  const reached = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  cloud.onChanged = (operation, resource) => {
    if (operation !== 'create' || !resource.type.endsWith(type)) return
    reached.resolve()
    return answer.promise
  }
  const { send, ended, until } = start(laptop, words)
  await Promise.race([reached.promise, ended])
  const [first, ...more] = signals
  send(first as NodeJS.Signals)
  if (first === 'SIGINT') await until(/^Stopping after/m)
  // The engine overlooks a second one that comes at once.
  if (more.length > 0) await repeat(() => send('SIGINT'), ended)
  if (signals.join() === 'SIGINT') answer.resolve()
  cloud.onChanged = () => {}
  return ended
}

async function repeat(press: () => void, ended: Promise<unknown>) {
  const timer = setInterval(press, 1000)
  await ended
  clearInterval(timer)
}

/** Runs a command in a process group of its own, which gets signals as from a terminal. */
function start({ checkout, env }: Laptop, words: readonly string[]) {
  const args = [mainOf(checkout), ...words]
  const child = spawn(process.execPath, args, { env, detached: true, timeout: 300_000 })
  const said: Ended = { code: null, out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said.error += text
  })
  const ended = once(child, 'close').then(([code]): Ended => ({ ...said, code }))
  return { ended, until, send }

  function send(signal: NodeJS.Signals) {
    if (child.exitCode === null) process.kill(-(child.pid as number), signal)
  }

  async function until(text: RegExp) {
    while (!text.test(said.out) && child.exitCode === null) {
      await Promise.race([once(child.stdout, 'data'), ended])
    }
  }
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
export function installSsh(bin: string) {
  const remote = join(dirname(bin), 'remote-bin')
  mkdirSync(remote)
  // Under names without blanks, which the folder of the checkout may have.
  const [node, main] = [join(remote, 'node'), join(remote, 'main.ts')]
  symlinkSync(process.execPath, node)
  symlinkSync(mainFile, main)
  const ssh = `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift 2; done
echo "$@" >>"$HOME/ssh.log"
host=$1 && shift
if [ -n "$FAKE_SSH_CLOSED" ]; then
  echo "ssh: connect to host $host port 22: Connection timed out" >&2
  exit 255
fi
PATH=${remote}:$PATH exec sh -c "$(echo "$*" | sed "s,/data/,$FAKE_DATA/,g
s,/opt/onebox/current/runtime/bin/node,${node},g
s,/opt/onebox/current/release/server.cjs,${main},g")"
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

/** AWS with surprises, and the instances that follow what is uploaded. */
function surprise(
  aws: FakeAws,
  surprises: Surprises,
  instances: FakeInstance[],
  outputs: Record<string, Properties>,
): Cloud {
  return createCloud(aws, {
    outputs,
    get answers() {
      return surprises.answers
    },
    async before(operation, resource) {
      await surprises.onChange(operation, resource)
      const { type, name } = resource
      const refusal = surprises.refusals[type] ?? surprises.refusals[`${type} ${name}`]
      if (refusal) throw new Error(refusal)
    },
    async after(operation, resource) {
      if (resource.name === 'desired' && operation !== 'delete') {
        for (const each of instances) await each.deploy(resource.inputs.content)
      }
      await surprises.onChanged(operation, resource)
    },
  })
}
