import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { type Architecture, smallestTypes } from '../../provisioning/config.ts'
import type { Ended } from '../scripts/command.ts'
import { execute, makeHome } from '../scripts/stack/laptop.ts'
import { type FakeAws, startAws } from '../support/aws-api.ts'
import { createCloud } from '../support/aws-provider.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { preparePulumi } from '../support/pulumi/cli.ts'
import type { Cloud, CloudResource } from '../support/pulumi/provider.ts'
import { createDataDisk } from './data-disk.ts'
import { bucket, region } from './image.ts'
import { freePorts, type Ports } from './machine.ts'
import { bootLimitMs, deployLimitMs, type Story } from './story.ts'

/** A checkout in somebody's home, where they type `npx onebox`. */
export interface Laptop {
  checkout: string
  /** Runs a command, shows its output and returns it. */
  type: (command: string, ...args: string[]) => Promise<Ended>
  /** Runs a line of shell in the checkout, shows its output and returns it. */
  shell: (line: string) => Promise<Ended>
  /** The whole output so far. */
  printed: () => string
  /** Has AWS list what the instance of a stack has added to its bucket of backups. */
  listBackups: (stack: string) => void
}

const repository = resolve(import.meta.dirname, '../..')

export async function withLaptop(story: Story, use: (laptop: Laptop) => Promise<void>) {
  const cleanups: (() => unknown)[] = []
  try {
    await use(await openLaptop(story, { after: (cleanup) => void cleanups.push(cleanup) }))
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}

/** A stack that the emulated machine can run. */
export async function makeStack(laptop: Laptop, name: string, architecture: Architecture) {
  await laptop.type('pulumi', 'stack', 'init', name)
  await set('architecture', architecture)
  // The chapter https has an authority for the machine.
  await set('acmeDirectory', 'none')

  function set(setting: string, value: string) {
    return laptop.type('pulumi', 'config', 'set', setting, value, '--stack', name)
  }
}

export async function succeed(
  laptop: Laptop,
  command: string,
  expected: RegExp,
  ...args: string[]
) {
  const { code, out, error } = await laptop.type(command, ...args)
  assert.deepEqual([code, error], [0, ''])
  assert.match(out, expected)
  return out
}

export async function fail(laptop: Laptop, command: string, expected: RegExp, ...args: string[]) {
  const { code, error } = await laptop.type(command, ...args)
  assert.equal(code, 1)
  assert.match(error, expected)
}

async function openLaptop(story: Story, t: Lifetime): Promise<Laptop> {
  preparePulumi()
  const aws = await startAws(t)
  aws.regions[region] = 'opt-in-not-required'
  const ports = await freePorts()
  const { home, env } = await makeHome(t, aws, startCloud(story, aws, ports))
  copyFileSync(`${story.aws.keyFile}.pub`, join(home, '.ssh/id_ed25519.pub'))
  installSsh(join(home, 'bin'), story.aws.keyFile, ports)
  const checkout = join(story.dir, 'onebox')
  checkOut(checkout)
  const timeout = bootLimitMs + deployLimitMs
  let printed = ''
  return { checkout, type, shell, printed: () => printed, listBackups }

  async function type(command: string, ...args: string[]): Promise<Ended> {
    console.log(['$ npx onebox', command, ...args].join(' '))
    const file = join(checkout, 'scripts/onebox')
    return show(await execute(file, [command, ...args], { cwd: home, env, timeout }))
  }

  async function shell(line: string): Promise<Ended> {
    console.log(`$ ${line}`)
    return show(await execute('bash', ['-c', line], { cwd: checkout, env, timeout }))
  }

  function listBackups(stack: string) {
    const id = [...aws.resources.values()].find(({ type, id }) => {
      return type === 'aws:s3/bucket:Bucket' && id.startsWith(`onebox-${stack}-backups-`)
    })?.id
    const { objects, storedAt } = story.aws.s3
    for (const [name, content] of objects) {
      const [, key] = /^[^/]+\/((recent|daily)\/.*)/.exec(name) ?? []
      const at = storedAt.get(name) ?? new Date()
      if (key) aws.objects.set(`${id}/${key}`, { at, bytes: content.length, content })
    }
  }

  function show({ code, out, error }: Ended): Ended {
    const names = {
      [checkout]: '/home/anna/onebox',
      [home]: '/home/anna',
      [`127.0.0.1:${ports.http}`]: '203.0.113.10',
      // The README shows a deploy to x64.
      [smallestTypes[story.architecture]]: smallestTypes.x64,
      [`server-${story.architecture}`]: 'server-x64',
    }
    const rename = (text: string) =>
      Object.entries(names).reduce((renamed, [from, to]) => renamed.replaceAll(from, to), text)
    console.log(rename(out + error).trimEnd())
    printed += `${rename(out + error)}\n`
    return { code, out: rename(out), error: rename(error) }
  }
}

/** A copy of this checkout with its packages and its built runtime. */
function checkOut(checkout: string) {
  const isOwn = (name: string) => /^(?!dist|data|\.git$)/.test(name)
  const filter = (path: string) => path === repository || isOwn(relative(repository, path))
  cpSync(repository, checkout, { recursive: true, filter, verbatimSymlinks: true })
  cpSync(join(repository, 'dist/runtimes'), join(checkout, 'dist/runtimes'), { recursive: true })
}

/** The real ssh, with the instance's port and its key. */
function installSsh(bin: string, keyFile: string, ports: Ports) {
  const ssh = `#!/bin/sh
for argument; do
  case $argument in admin@127.0.0.1:*) argument=admin@127.0.0.1 ;; esac
  set -- "$@" "$argument"
  shift
done
exec /usr/bin/ssh -i ${keyFile} -p ${ports.ssh} "$@"
`
  writeFileSync(join(bin, 'ssh'), ssh, { mode: 0o755 })
}

/** AWS as Pulumi's provider sees it: its requests take effect on the machine. */
function startCloud(story: Story, aws: FakeAws, ports: Ports): Cloud {
  const volumes = createVolumes(story)
  const outputs = {
    'aws:ec2/eip:Eip': { publicIp: `127.0.0.1:${ports.http}` },
    'aws:s3/bucket:Bucket': { bucket, arn: `arn:aws:s3:::${bucket}` },
  }
  return createCloud(aws, { outputs, after: apply })

  async function apply(operation: string, { type, id, inputs }: CloudResource) {
    const isGone = operation === 'delete'
    if (type.endsWith(':BucketObjectv2') && !isGone) return upload(inputs)
    if (type.endsWith(':Volume')) return isGone ? volumes.keep(inputs) : volumes.make(id, inputs)
    if (type.endsWith(':Instance') && !isGone) {
      story.aws.metadata.userData = Buffer.from(inputs.userDataBase64, 'base64')
    }
    // The disk must exist when the emulator starts.
    if (!type.endsWith(':VolumeAttachment')) return
    await story.machine.shutDown()
    if (isGone) return
    story.machine = await story.aws.launch(story.dataDisk, { ports })
    story.machine.powerOn()
  }

  function upload({ key, source, content }: CloudResource['inputs']) {
    const bytes = source ? readFileSync(source.path) : Buffer.from(content)
    story.aws.s3.objects.set(`${bucket}/${key}`, bytes)
  }
}

function createVolumes(story: Story) {
  const snapshot = join(story.dir, 'snapshot.raw')
  return { make, keep }

  function make(volumeId: string, { snapshotId }: CloudResource['inputs']) {
    story.dataDisk = createDataDisk({ dir: mkdtempSync(join(story.dir, 'volume-')), volumeId })
    if (snapshotId) copyFileSync(snapshot, story.dataDisk.file)
  }

  /** Makes the final snapshot that the program asks for. */
  function keep({ finalSnapshot }: CloudResource['inputs']) {
    assert.equal(finalSnapshot, true)
    copyFileSync(story.dataDisk.file, snapshot)
  }
}
