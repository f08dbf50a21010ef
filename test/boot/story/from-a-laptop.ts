import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { type Architecture, smallestTypes } from '../../../provisioning/config.ts'
import type { Ended } from '../../scripts/command.ts'
import { execute, makeHome } from '../../scripts/stack/laptop.ts'
import { type FakeAws, startAws } from '../../support/aws-api.ts'
import { createCloud } from '../../support/aws-provider.ts'
import type { Lifetime } from '../../support/lifetime.ts'
import { preparePulumi } from '../../support/pulumi/cli.ts'
import type { Cloud, CloudResource } from '../../support/pulumi/provider.ts'
import { createDataDisk } from '../data-disk.ts'
import { bucket, region } from '../image.ts'
import { freePorts, type Ports } from '../machine.ts'
import { put, underLoad } from '../steps.ts'
import { bootLimitMs, deployLimitMs, type Story } from '../story.ts'
import { expectShown, followRunbook } from './runbook.ts'

/** A checkout in somebody's home, where they type `npx onebox`. */
interface Laptop {
  checkout: string
  /** Runs a command, shows its output and returns it. */
  type: (command: string, ...args: string[]) => Promise<Ended>
  /** Runs a line of shell in the checkout, shows its output and returns it. */
  shell: (line: string) => Promise<Ended>
  /** The whole output so far. */
  printed: () => string
}

const repository = resolve(import.meta.dirname, '../../..')

/** From nothing to a verified site, through deploys and restores, to destroy and up again. */
export async function fromALaptop(story: Story) {
  const cleanups: (() => unknown)[] = []
  try {
    await live(story, await openLaptop(story, { after: (cleanup) => void cleanups.push(cleanup) }))
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}

async function live(story: Story, laptop: Laptop) {
  const { print } = story
  const token = await comeUp(laptop, story.architecture)
  const { url } = story.machine
  print('up: from nothing to a verified site')
  await succeed(laptop, 'status', /^ {2}deploy {4}live for/m)
  await write(url, token, 'kept')
  await saveBirthday(url, token)

  await underLoad(story, () => changeAndDeploy(laptop), { writeShare: 0 })
  print('a change is deployed')
  await underLoad(story, () => breakAndDeploy(laptop), { writeShare: 0 })
  print('a release that fails at startup is rejected, and the site keeps running')
  await underLoad(story, () => goBack(laptop), { writeShare: 0 })
  print('rollback to the release before, and forward again')

  await keepAndRestore(laptop, url, token)
  print('backup and restore')
  await followRunbook(laptop.shell)
  await expectString(url, 'kept')
  print('the runbook works from top to bottom')
  await goAndReturn(story, laptop)
  print('destroy, and up again with the data')
  expectShown(laptop.printed())
}

async function comeUp(laptop: Laptop, architecture: Architecture): Promise<string> {
  await laptop.type('pulumi', 'stack', 'init', 'dev')
  await laptop.type('pulumi', 'config', 'set', 'architecture', architecture)
  // The chapter https has an authority for the machine.
  await laptop.type('pulumi', 'config', 'set', 'acmeDirectory', 'none')
  const up = ['--region', region, '--ssh', '--yes']
  const out = await succeed(laptop, 'up', /^onebox is up at/m, ...up)
  return /^→ Writes need this token, shown only once .*:\n\n {2}(\w{40})$/m.exec(out)?.[1] ?? ''
}

async function changeAndDeploy(laptop: Laptop) {
  edit(laptop, 'server/saved-string/page-style.ts', (code) => code.replace('#2b50c8', '#0a7a4b'))
  await succeed(laptop, 'up', /^onebox is up at/m, '--yes')
}

async function breakAndDeploy(laptop: Laptop) {
  const file = 'server/main.ts'
  const good = edit(laptop, file, (code) => `${code}\nthrow new Error('Broken at start')\n`)
  await fail(laptop, 'up', /was rejected: .*Broken at start.* is still live$/m, '--yes')
  await fail(laptop, 'status', /has a problem: it is rejected/)
  edit(laptop, file, () => good)
}

async function goBack(laptop: Laptop) {
  await succeed(laptop, 'releases', / live$/m)
  await succeed(laptop, 'rollback', / went from release \w+ to release \w+ in /, '--yes')
  await succeed(laptop, 'up', /^onebox is up at/m, '--latest', '--yes')
}

async function keepAndRestore(laptop: Laptop, url: string, token: string) {
  await succeed(laptop, 'backup', /Saved .*kept\.db/, 'kept.db')
  await write(url, token, 'newer')
  await fail(laptop, 'restore', /has data that kept\.db lacks/, 'kept.db', '--yes')
  const overwrite = ['kept.db', '--overwrite', '--yes']
  await succeed(laptop, 'restore', /^Restored .* from kept\.db/m, ...overwrite)
  await expectString(url, 'kept')
}

async function goAndReturn(story: Story, laptop: Laptop) {
  await succeed(laptop, 'logs', /"route":"\/"/, '--lines', '200')
  const gone = await succeed(laptop, 'destroy', /^→ Saved .*\/backups\//m, '--yes')
  await assert.rejects(fetch(story.machine.url, { signal: AbortSignal.timeout(10_000) }))
  await laptop.type('snapshots')
  const [, snapshot = ''] = /--restore (snap-\w+)/.exec(gone) ?? []
  const up = ['--region', region, '--ssh', '--restore', snapshot, '--yes']
  await succeed(laptop, 'up', /^onebox is up at/m, ...up)
  await expectString(story.machine.url, 'kept')
}

async function succeed(laptop: Laptop, command: string, expected: RegExp, ...args: string[]) {
  const { code, out, error } = await laptop.type(command, ...args)
  assert.deepEqual([code, error], [0, ''])
  assert.match(out, expected)
  return out
}

async function fail(laptop: Laptop, command: string, expected: RegExp, ...args: string[]) {
  const { code, error } = await laptop.type(command, ...args)
  assert.equal(code, 1)
  assert.match(error, expected)
}

async function write(url: string, token: string, value: string) {
  assert.equal((await put(url, value)).status, 401)
  assert.equal((await put(url, value, { authorization: `Bearer ${token}` })).status, 204)
  await expectString(url, value)
}

async function saveBirthday(url: string, token: string) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const saved = await put(`${url}/hello/anna`, '{"dateOfBirth":"1990-04-23"}', headers)
  assert.equal(saved.status, 204)
}

async function expectString(url: string, value: string) {
  const page = await fetch(url, { signal: AbortSignal.timeout(60_000) })
  assert.match(await page.text(), new RegExp(`<h1>The saved string is ${value}</h1>`))
}

/** Edits a file and returns its old content. */
function edit({ checkout }: Laptop, name: string, change: (code: string) => string): string {
  const file = join(checkout, name)
  const before = readFileSync(file, 'utf8')
  const after = change(before)
  assert.notEqual(after, before)
  writeFileSync(file, after)
  return before
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
  return { checkout, type, shell, printed: () => printed }

  async function type(command: string, ...args: string[]): Promise<Ended> {
    console.log(['$ npx onebox', command, ...args].join(' '))
    const file = join(checkout, 'scripts/onebox')
    return show(await execute(file, [command, ...args], { cwd: home, env, timeout }))
  }

  async function shell(line: string): Promise<Ended> {
    console.log(`$ ${line}`)
    return show(await execute('bash', ['-c', line], { cwd: checkout, env, timeout }))
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
