import { rmSync } from 'node:fs'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { fetchBackup } from '../instance/backup.ts'
import { knownHosts } from '../instance/ssh.ts'
import { untilAnswers } from '../site/health.ts'
import { apply } from '../stack/apply.ts'
import type { Place } from '../stack/aws/call.ts'
import { listSnapshots } from '../stack/aws/ebs-snapshots.ts'
import { deleteIfEmpty, findBackupBuckets } from '../stack/aws/stored-backups.ts'
import { beginChange } from '../stack/begin.ts'
import { printSnapshots } from '../stack/data-snapshots.ts'
import { reconcile, type Standing, wake } from '../stack/instance.ts'
import { assertBox, type Outputs, readOutputs } from '../stack/outputs.ts'
import { placeOf, project, readSettings, removeSetting, settingOf } from '../stack/settings.ts'
import { printStrays } from '../stack/unfinished.ts'
import { selectStack } from '../stack/workspace.ts'
import { defineCommand } from '../terminal/command.ts'
import { ask, assertConfirmed } from '../terminal/confirm.ts'
import { stack, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: '',
  about: `Fetches a last backup, then deletes the whole stack from AWS except snapshots of the data volume,
which it lists with their cost and how to restore them.`,
  options: {
    stack,
    'no-backup': { type: 'boolean', help: 'skip the last backup' },
    yes,
  },
  async run({ yes, ...options }) {
    const stack = await selectStack(options.stack)
    const outputs = await readOutputs(stack)
    assertBox(stack.name, outputs)
    await confirmName(stack, outputs, yes)
    const place = placeOf(await readSettings(stack))
    await beginChange(stack, place, 'destroy', { yes })
    const standing = await reconcile(stack, place, 'destroy')
    if (!options['no-backup']) await saveData(stack, { place, outputs, standing, yes })
    step(`Destroying stack ${stack.name}; the final snapshot can take minutes`)
    await apply(stack, 'destroy')
    if (outputs.instanceId) rmSync(knownHosts(outputs.instanceId), { force: true })
    await forgetPast(stack)
    await printRest(stack)
    if (outputs.backupBucket) {
      step(`The backups in ${outputs.backupBucket} stay for a month: npx onebox backups lists them`)
    }
  },
})

/** Typing the name proves that it was read. */
async function confirmName({ name }: Stack, { url, volumeId }: Partial<Outputs>, yes: boolean) {
  const what = url ? `${url} and its data volume ${volumeId}` : 'whatever exists of it'
  step(`This deletes stack ${name}: ${what}`)
  if (url) step('The IP address goes back to AWS: the next npx onebox up gets another one')
  if (yes) return
  const answer = await ask(`Type ${name} to continue: `)
  if (answer !== name) throw new Error('Nothing was changed')
}

interface Source {
  place: Place
  outputs: Partial<Outputs>
  standing: Standing
  yes: boolean
}

/** @throws {Error} if there is no backup and the person asked does not want to rely on the snapshot */
async function saveData(stack: Stack, { place, outputs, standing, yes }: Source) {
  if (!isReachable(outputs)) return
  const { instance, missing } = standing
  try {
    if (!instance && missing.length > 0) throw new Error(`${outputs.instanceId} is gone`)
    if (instance && (await wake(stack, place, instance))) await untilAnswers(outputs.url)
    await fetchBackup(outputs, stack.name)
  } catch (error) {
    step(`No last backup: ${(error as Error).message}`)
    step('Only the final snapshot of the data volume will remain')
    await assertConfirmed('Is that enough?', { yes })
  }
}

/** A stack that never came up has no data either. */
function isReachable(outputs: Partial<Outputs>): outputs is Outputs {
  return outputs.instanceId !== undefined
}

/** A new stack of this name must not start with old data or a release that no longer exists. */
async function forgetPast(stack: Stack) {
  const settings = await readSettings(stack)
  for (const name of ['release', 'restoreSnapshotId']) {
    if (settingOf(settings, name) !== '') await removeSetting(stack, name)
  }
}

async function printRest(stack: Stack) {
  const place = placeOf(await readSettings(stack))
  if (place.region === '') return step(`Stack ${stack.name} is deleted; it never had a region`)
  await printStrays(stack, place)
  await printBuckets(stack, place)
  const snapshots = await listSnapshots(place, { project, stack: stack.name })
  step(`Stack ${stack.name} is deleted; these snapshots stay in ${place.region}:`)
  printSnapshots(snapshots, { ...place, stack: stack.name })
}

/** Names the buckets with backups, which outlive the stack, unless nothing is in them. */
async function printBuckets({ name: stack }: Stack, place: Place) {
  for (const bucket of await findBackupBuckets(place, { project, stack })) {
    if (await deleteIfEmpty(place, bucket).catch(() => false)) continue
    step(`Its backups stay in ${bucket.name}, in ${bucket.region}, and expire within two months:`)
    console.log(`  npx onebox up --stack ${stack} --restore latest
    makes the stack anew with the newest
  npx onebox backups --stack ${stack} --delete ${bucket.name}
    deletes all of them now`)
  }
}
