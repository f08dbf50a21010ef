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
import { isFleet, type Outputs, readOutputs } from '../stack/outputs.ts'
import { unprotectTables } from '../stack/protection.ts'
import { placeOf, project, readSettings, removeSetting, settingOf } from '../stack/settings.ts'
import { fetchTables } from '../stack/table-backup.ts'
import { withTables } from '../stack/tables.ts'
import { printStrays } from '../stack/unfinished.ts'
import { selectStack } from '../stack/workspace.ts'
import { defineCommand } from '../terminal/command.ts'
import { ask, assertConfirmed } from '../terminal/confirm.ts'
import { stack, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: '',
  about: `Fetches a last backup, then deletes the whole stack from AWS except snapshots of the data volume,
which it lists with their cost and how to restore them. Of several machines, AWS keeps a copy of the
tables for 35 days.`,
  options: {
    stack,
    'no-backup': { type: 'boolean', help: 'skip the last backup' },
    yes,
  },
  async run({ yes, ...options }) {
    const stack = await selectStack(options.stack)
    const outputs = await readOutputs(stack)
    await confirmName(stack, outputs, yes)
    const place = placeOf(await readSettings(stack))
    await beginChange(stack, place, 'destroy', { yes })
    const standing = await reconcile(stack, place, 'destroy')
    if (!options['no-backup']) await saveData(stack, { place, outputs, standing, yes })
    if (standing.hasTables) await unprotectTables(stack, place)
    const slow = standing.hasTables ? 'ending the machines' : 'the final snapshot'
    step(`Destroying stack ${stack.name}; ${slow} can take minutes`)
    await apply(stack, 'destroy')
    if (outputs.instanceId) rmSync(knownHosts(outputs.instanceId), { force: true })
    await forgetPast(stack)
    await printRest(stack, standing)
    if (outputs.backupBucket) {
      step(`The backups in ${outputs.backupBucket} stay for a month: npx onebox backups lists them`)
    }
  },
})

/** Typing the name proves that it was read. */
async function confirmName({ name }: Stack, outputs: Partial<Outputs>, yes: boolean) {
  const { url, volumeId, ip } = outputs
  const data = volumeId ? `data volume ${volumeId}` : 'tables'
  step(`This deletes stack ${name}: ${url ? `${url} and its ${data}` : 'whatever exists of it'}`)
  if (ip) step('The IP address goes back to AWS: the next npx onebox up gets another one')
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

/** @throws {Error} if there is no backup and the person asked does not want to rely on what AWS keeps */
async function saveData(stack: Stack, { place, outputs, standing, yes }: Source) {
  if (!isReachable(outputs)) return
  try {
    if (isFleet(outputs)) {
      await withTables({ stack, outputs }, (tables) => fetchTables(tables, stack.name))
    } else await fetchFromBox(stack, outputs, place, standing)
  } catch (error) {
    const rest = isFleet(outputs)
      ? 'the copy of the tables that AWS keeps for 35 days'
      : 'the final snapshot of the data volume'
    step(`No last backup: ${(error as Error).message}`)
    step(`Only ${rest} will remain`)
    await assertConfirmed('Is that enough?', { yes })
  }
}

async function fetchFromBox(stack: Stack, outputs: Outputs, place: Place, standing: Standing) {
  const { instance, missing } = standing
  if (!instance && missing.length > 0) throw new Error(`${outputs.instanceId} is gone`)
  if (instance && (await wake(stack, place, instance))) await untilAnswers(outputs.url)
  await fetchBackup(outputs, stack.name)
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

async function printRest(stack: Stack, { hasTables }: Standing) {
  const place = placeOf(await readSettings(stack))
  if (place.region === '') return step(`Stack ${stack.name} is deleted; it never had a region`)
  await printStrays(stack, place)
  await printBuckets(stack, place)
  if (hasTables) {
    const list = `aws dynamodb list-backups --backup-type SYSTEM --region ${place.region}`
    return step(
      `Stack ${stack.name} is deleted; AWS keeps a copy of its tables for 35 days: ${list}`,
    )
  }
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
