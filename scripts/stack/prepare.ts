import { styleText } from 'node:util'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { assertPartition } from '../../provisioning/config.ts'
import { shortId } from '../site/health.ts'
import { UsageError } from '../terminal/command.ts'
import { step } from '../terminal/step.ts'
import { defaultRegion, whoAmI } from './aws/account.ts'
import type { Place } from './aws/call.ts'
import { findOwnDiskKey } from './aws/disk-key.ts'
import { beginChange } from './begin.ts'
import { keyRights } from './cures.ts'
import { assertRestorable } from './data-snapshots.ts'
import { settleType } from './free-plan.ts'
import { reconcile, type Standing } from './instance.ts'
import { keepPrivate } from './privacy.ts'
import {
  checkSettings,
  placeOf,
  project,
  readSettings,
  removeSetting,
  type Settings,
  setSetting,
  settingOf,
} from './settings.ts'
import { arrangeAccess } from './ssh-access.ts'

export interface PrepareOptions {
  region: string | undefined
  zone: string | undefined
  /** How many, of a new stack or to change between several. */
  machines: number | undefined
  /** A snapshot or a backup. */
  restore: string | undefined
  /** Ends a rollback. */
  latest: boolean
  ssh: boolean
  yes: boolean
}

interface Data extends Pick<Standing, 'volume' | 'hasTables'> {
  /** How many there will be. */
  machines: number
}

export type Prepared = Awaited<ReturnType<typeof prepare>>

/**
 * Stores in the stack's settings what the program needs, and checks them against AWS.
 * @throws {Error} one line that names what is missing or wrong, and the cure
 */
export async function prepare(stack: Stack, options: PrepareOptions) {
  const settings = await readSettings(stack)
  const region = await chooseRegion(stack, settings, options.region)
  const place = { ...placeOf(settings), region }
  const { account, arn } = await whoAmI(place)
  if (placeOf(settings).region === '') await stack.setConfig('aws:region', { value: region })
  settings.values['aws:region'] = region
  step(`AWS account ${account} in ${region}, as ${arn}`)
  await beginChange(stack, place, 'up', options)
  await settleRelease(stack, settings, options.latest)
  const { instance, volume, hasTables } = await reconcile(stack, place, 'up')
  const machines = options.machines ?? Number(settingOf(settings, 'machines') || 1)
  assertMachines(stack, { volume, hasTables, machines })
  assertNew(stack, { volume, hasTables, machines }, options.restore)
  if (options.machines !== undefined) await setSetting(stack, 'machines', String(machines))
  await settleZone(stack, volume, options.zone)
  await settleSnapshot(stack, settings, { volumeId: volume?.id }, options.restore)
  await settleType(stack, place, instance)
  if (!instance) await printDiskKey(place)
  const hasInstance = instance !== undefined || hasTables
  await arrangeAccess(stack, settings, { ...options, hasInstance })
  const settled = await readSettings(stack)
  await keepPrivate(stack, settled)
  return { config: checkSettings(stack, settled), place, instance }
}

/** The stack's own, else the one given, else the default of this machine. */
async function chooseRegion({ name }: Stack, settings: Settings, wanted: string | undefined) {
  const { region: known, profile } = placeOf(settings)
  if (known !== '' && wanted !== undefined && wanted !== known) {
    throw new Error(
      `Stack ${name} is in ${known}: for ${wanted}, make another one with --stack NAME`,
    )
  }
  const region = known || wanted || (await defaultRegion(profile))
  if (region) {
    assertPartition(region)
    return region
  }
  throw new UsageError('Which region? Add --region eu-central-1, or another one near you')
}

async function settleRelease(stack: Stack, settings: Settings, isLatest: boolean) {
  const pinned = settingOf(settings, 'release')
  if (pinned === '') return
  if (isLatest) {
    await removeSetting(stack, 'release')
    return step(`No longer pinned to release ${shortId(pinned)}`)
  }
  const text = `PINNED TO RELEASE ${shortId(pinned)} by a rollback, not the code in this folder`
  step(`${styleText(['bold', 'yellow'], text)}: --latest ends that`)
}

/** @throws {Error} if the data would have to move between a disk and DynamoDB */
function assertMachines({ name }: Stack, { volume, hasTables, machines }: Data) {
  if (machines > 1 && volume) {
    const cure = '--stack ANOTHER makes a stack of several machines beside it'
    throw new Error(`Stack ${name} has its data on volume ${volume.id}: ${cure}`)
  }
  if (machines === 1 && hasTables) {
    const cure = '--machines takes 2 to 10'
    throw new Error(`Stack ${name} has its data in DynamoDB, for several machines: ${cure}`)
  }
}

/** @throws {Error} if what is wanted cannot start the stack */
function assertNew({ name }: Stack, { volume, hasTables, machines }: Data, wanted?: string) {
  if (wanted === undefined) return
  const cure = 'npx onebox restore with a name that npx onebox backups lists'
  if (volume) {
    const another = `npx onebox up --stack another --restore ${wanted}, or npx onebox destroy first`
    const text = isSnapshot(wanted) ? another : cure
    throw new Error(`Stack ${name} already has data volume ${volume.id}: ${text}`)
  }
  if (hasTables) throw new Error(`Stack ${name} already has tables: ${cure}`)
  if (machines > 1 && isSnapshot(wanted)) {
    const instead = 'use --restore latest, or a name that npx onebox backups lists'
    throw new UsageError(`A snapshot holds the disk of one machine: for several, ${instead}`)
  }
}

/** Where the data of a new volume comes from. */
async function settleSnapshot(
  stack: Stack,
  settings: Settings,
  { volumeId }: { volumeId: string | undefined },
  wanted: string | undefined,
) {
  if (wanted && !isSnapshot(wanted)) return forget(stack, settings)
  const id = wanted || settingOf(settings, 'restoreSnapshotId')
  if (!id || volumeId) return
  const values = { ...settings.values, [`${project}:restoreSnapshotId`]: id }
  await assertRestorable(placeOf(settings), checkSettings(stack, { ...settings, values }))
  if (wanted) await setSetting(stack, 'restoreSnapshotId', wanted)
  step(`The data volume will be made from ${id}`)
}

/** Data comes from a backup, so an earlier snapshot must not fill the new volume. */
async function forget(stack: Stack, settings: Settings) {
  if (settingOf(settings, 'restoreSnapshotId') !== '') {
    await removeSetting(stack, 'restoreSnapshotId')
  }
}

export function isSnapshot(wanted: string): boolean {
  return wanted.startsWith('snap-')
}

/** A volume cannot leave its zone, and everything else follows it. */
async function settleZone(stack: Stack, volume: Standing['volume'], wanted: string | undefined) {
  if (wanted === undefined || wanted === volume?.zone) return
  if (volume) {
    const cure = `npx onebox destroy, then npx onebox up --zone ${wanted}, with --restore SNAPSHOT to keep the data`
    throw new Error(
      `Stack ${stack.name} already has data volume ${volume.id} in ${volume.zone}: ${cure}`,
    )
  }
  await setSetting(stack, 'availabilityZone', wanted)
}

/** The launch may still work; if not, AWS gives no reason. */
async function printDiskKey(place: Place) {
  const key = await findOwnDiskKey(place)
  if (key === undefined) return
  step(`The account encrypts new disks with its own key, ${key}: it must allow you ${keyRights}`)
}
