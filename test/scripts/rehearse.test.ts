import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test, { before } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { buildRuntime } from '../../provisioning/packaging/runtime.ts'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertUsageError } from './command.ts'
import { execute, interrupt, type Laptop, makeLaptop } from './stack/laptop.ts'

const skip = needsPulumi()
const copies = resolve(import.meta.dirname, '../../dist/rehearsals')

before(() => buildRuntime({ platform: 'linux-arm64' }))

test('a rehearsal takes a stack through its life and reports', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  rejectBroken(laptop)
  const { code, out, error } = await rehearse(laptop)
  if (process.env.SHOW) t.diagnostic(out)
  assert.equal(code, 0, error)
  assert.match(out, /^→ Stack rehearsal-[\da-f]{4} will live .* cost about \$0\.0\d \(prices of /m)
  const report = readReport(laptop)
  if (process.env.SHOW) t.diagnostic(report)
  assert.match(report, /on a stand-in for AWS:\n11 of 11 steps passed, in /)
  assert.match(report, /\| passed: \d+ requests meanwhile, none failed \|/)
  assert.doesNotMatch(report, /\b(i|vol|snap)-0|127\.0\.0\.1|\d{12}/)
  assertNothingLeft(laptop, out)
})

test('a rehearsal that fails cleans up and reports where', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  laptop.cloud.refusals['aws:ec2/instance:Instance'] =
    'creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 400, RequestID: 4B5C, api error VcpuLimitExceeded: You have requested more vCPU capacity than your current limit.'
  const { code, out, error } = await rehearse(laptop)
  assert.equal(code, 1)
  assert.match(error, /^1 of 2 steps failed$/m)
  const report = readReport(laptop)
  assert.match(report, /^\| up makes a site out of nothing \| .* \| FAILED: .*VcpuLimitExceeded/m)
  assert.match(report, /^\| destroy, and nothing is left \| .* \| passed: /m)
  assertNothingLeft(laptop, out)
})

test('Ctrl-C ends a rehearsal and cleans up', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  const ended = await interrupt(laptop, wordsOf(laptop), ':Instance', ['SIGINT'])
  assert.equal(ended.code, 1)
  assert.match(
    readReport(laptop),
    /^\| up makes a site out of nothing \| .* \| FAILED: interrupted/m,
  )
  assertNothingLeft(laptop, ended.out)
})

test('a rehearsal asks first, and needs to know where', { skip }, async (t) => {
  const laptop = await makeLaptop(t)
  assertUsageError(await laptop.run('rehearse', '--yes'), /^Which region\? Add --region /)
  const { code, out, error } = await laptop.run('rehearse', '--region', 'eu-central-1')
  assert.match(out, /about \$0\.0\d/)
  assert.match(error, /^Cannot ask "Continue\? .*add --yes/)
  assert.equal(code, 1)
  assertNothingLeft(laptop, out)
})

function rehearse(laptop: Laptop) {
  const { checkout, home, env } = laptop
  const args = [join(checkout, 'scripts/main.ts'), ...wordsOf(laptop)]
  return execute(process.execPath, args, { cwd: home, env, timeout: 1_000_000 })
}

function wordsOf({ home }: Laptop): string[] {
  return ['rehearse', '--region', 'eu-central-1', '--report', join(home, 'report.md'), '--yes']
}

function readReport({ home }: Laptop): string {
  return readFileSync(join(home, 'report.md'), 'utf8')
}

/** The simulated instance tries no release, so it is told which is broken. */
function rejectBroken({ cloud, instance }: Laptop) {
  cloud.onChange = (_, { type, inputs }) => {
    const [, id] = /^releases\/(\w+)\.tar\.zst$/.exec(inputs.key ?? '') ?? []
    if (!type.endsWith(':BucketObjectv2') || id === undefined) return
    const files = zstdDecompressSync(readFileSync(inputs.source.path))
    if (files.includes('Broken at startup')) instance.broken.add(id)
  }
}

function assertNothingLeft({ aws, home }: Laptop, out: string) {
  // The simulation keeps a record of what goes with its bucket or with a terminated instance.
  const gone = /:(BucketObjectv2|Instance|VolumeAttachment|EipAssociation) /
  const left = [...aws.resources.keys()].filter((key) => !gone.test(key))
  assert.deepEqual(left, [])
  assert.deepEqual(aws.snapshots, [])
  assert.deepEqual(
    aws.instances.filter(({ state }) => state !== 'terminated'),
    [],
  )
  assert.deepEqual(globSync(join(home, '.pulumi/stacks/onebox/*.json')), [])
  const [stack = ''] = /rehearsal-[\da-f]{4}/.exec(out) ?? []
  assert.equal(existsSync(join(copies, stack)), false)
}
