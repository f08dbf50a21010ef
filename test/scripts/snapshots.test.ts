import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { readConfig } from '../../provisioning/config.ts'
import { listSnapshots } from '../../scripts/stack/aws/ebs-snapshots.ts'
import { assertRestorable, leftoversOf } from '../../scripts/stack/data-snapshots.ts'
import { type FakeSnapshot, startAws } from '../support/aws-api.ts'
import { createCloud } from '../support/aws-provider.ts'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertUsageError, main } from './command.ts'
import { execute, makeHome } from './stack/laptop.ts'

const aws = await startAws({ after })
Object.assign(process.env, aws.env)

const place = { region: 'eu-central-1', profile: undefined }
const tags = { Project: 'onebox', Stack: 'dev' }
const daily = { ...tags, 'aws:dlm:lifecycle-policy-id': 'policy-0123456789abcdef0' }

function snapshot(id: string, day: number, more: Partial<FakeSnapshot> = {}): FakeSnapshot {
  const at = new Date(Date.UTC(2026, 0, day, 3))
  return { id, at, volumeGiB: 8, bytes: 2 ** 30, tags, ...more }
}

test('daily snapshots of a deleted volume are leftovers, those of the current volume are not', async () => {
  aws.volumes = ['vol-now']
  aws.snapshots = [
    snapshot('snap-old', 1, { tags: daily, volumeId: 'vol-gone' }),
    snapshot('snap-final', 2, { volumeId: 'vol-gone' }),
    snapshot('snap-today', 3, { tags: daily, volumeId: 'vol-now' }),
    snapshot('snap-other', 4, { tags: { ...daily, Stack: 'prod' }, volumeId: 'vol-gone' }),
  ]
  const listed = await listSnapshots(place, { project: 'onebox', stack: 'dev' })
  assert.deepEqual(
    listed.map(({ id, kind }) => [id, kind]),
    [
      ['snap-today', 'daily'],
      ['snap-final', 'final'],
      ['snap-old', 'leftover'],
    ],
  )
  assert.deepEqual(
    leftoversOf(listed).map(({ id }) => id),
    ['snap-old'],
  )
})

test('the newest snapshot is kept even if it is a leftover, as it may be the only copy', async () => {
  aws.volumes = []
  aws.snapshots = [1, 2, 3].map((day) => snapshot(`snap-${day}`, day, { tags: daily }))
  const listed = await listSnapshots(place, { project: 'onebox', stack: 'dev' })
  assert.deepEqual(
    leftoversOf(listed).map(({ id }) => id),
    ['snap-2', 'snap-1'],
  )
})

const restored = 'snap-0123456789abcdef0'
const unusable: [what: string, snapshot: FakeSnapshot | undefined, message: RegExp][] = [
  [
    'that the region does not have',
    undefined,
    /^There is no snapshot snap-\w+ in eu-central-1: .* aws ec2 copy-snapshot copies one here$/,
  ],
  [
    'that is still being made',
    snapshot(restored, 1, { state: 'pending' }),
    /^snap-\w+ is not complete yet \(42%\): try again once it is$/,
  ],
  [
    'that has failed',
    snapshot(restored, 1, { state: 'error' }),
    /^snap-\w+ cannot be restored \(error\): npx onebox snapshots lists others$/,
  ],
  [
    'that is archived',
    snapshot(restored, 1, { tier: 'archive' }),
    /^snap-\w+ is archived: aws ec2 restore-snapshot-tier .*, then wait$/,
  ],
  [
    'that is larger than the volume',
    snapshot(restored, 1, { volumeGiB: 20 }),
    /^snap-\w+ needs a volume of 20 GiB, not of 8: .* --stack dev set onebox:volumeSizeGiB 20$/,
  ],
]

for (const [what, given, message] of unusable) {
  test(`a snapshot ${what} is rejected before anything is created`, async () => {
    aws.snapshots = given ? [given] : []
    await assert.rejects(() => assertRestorable(place, configOf({})), { message })
  })
}

test('a snapshot that is not larger than the volume can be restored', async () => {
  aws.snapshots = [snapshot(restored, 1, { volumeGiB: 20 })]
  await assertRestorable(place, configOf({ 'onebox:volumeSizeGiB': '20' }))
})

test('snapshots needs no stack, but a region', { skip: needsPulumi() }, async (t) => {
  const { home, env } = await makeHome(t, aws, createCloud(aws))
  const run = (...args: string[]) => {
    return execute(process.execPath, [main, 'snapshots', ...args], { cwd: home, env })
  }
  assertUsageError(await run(), /^Which region is or was stack dev in\? Add --region/)
  aws.volumes = []
  aws.snapshots = [1, 2, 3].map((day) => snapshot(`snap-${day}`, day, { tags: daily }))
  const { out } = await run('--region', 'eu-central-1')
  assert.match(out, /^snap-3 {2}2026-01-03 03:00 UTC {2}leftover {2}8 GiB /)
  assert.match(out, /--delete-leftovers\n {4}deletes the 2 leftover ones/)
  const deleted = await run('--region', 'eu-central-1', '--delete-leftovers', '--yes')
  assert.equal(deleted.out, '→ Deleted snap-2\n→ Deleted snap-1\n')
  assert.deepEqual(
    aws.snapshots.map(({ id }) => id),
    ['snap-3'],
  )
})

function configOf(values: Record<string, string>) {
  return readConfig({
    project: 'onebox',
    stack: 'dev',
    values: { 'aws:region': 'eu-central-1', 'onebox:restoreSnapshotId': restored, ...values },
    secrets: [],
  })
}
