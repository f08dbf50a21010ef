// Takes everything away, but for a last snapshot of the data: `npm run destroy`.
import { rmSync } from 'node:fs'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { knownHosts } from '../instance/remote.ts'
import { untilAnswers } from '../site/until-live.ts'
import { apply } from '../stack/apply.ts'
import type { Place } from '../stack/aws/ask.ts'
import { listSnapshots } from '../stack/aws/snapshots.ts'
import { reconcile, type Standing, wake } from '../stack/instance.ts'
import { type Outputs, readOutputs } from '../stack/outputs.ts'
import { selectStack } from '../stack/pulumi.ts'
import { placeOf, project, readSettings, removeSetting, settingOf } from '../stack/settings.ts'
import { tellSnapshots } from '../stack/snapshots.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { ask, assertConfirmed } from '../terminal/confirm.ts'
import { runCommand } from '../terminal/fail.ts'
import { step } from '../terminal/step.ts'
import { backUp } from './backup.ts'

const help = `npm run destroy -- [options]

Fetches a last backup, then takes everything of the stack away from AWS. What stays are snapshots of
the data volume, which are listed at the end with what they cost and how the data comes back.

  --stack NAME   (default dev)
  --no-backup    fetches no backup
  --yes          asks nothing
  --help         this text`

await runCommand(main)

async function main() {
  const { values } = parseArguments('destroy', help, {
    allowNegative: true,
    options: {
      stack: { type: 'string', default: 'dev' },
      backup: { type: 'boolean', default: true },
      yes: { type: 'boolean', default: false },
    },
  })
  const stack = await selectStack(values.stack)
  const outputs = await readOutputs(stack)
  await assertMeant(stack, outputs, values.yes)
  const place = placeOf(await readSettings(stack))
  const standing = await reconcile(stack, place, 'destroy')
  if (values.backup) await saveData(stack, { place, outputs, standing, yes: values.yes })
  step(`Destroying stack ${stack.name}; the final snapshot can take minutes`)
  await apply(stack, 'destroy')
  if (outputs.instanceId) rmSync(knownHosts(outputs.instanceId), { force: true })
  await forgetPast(stack)
  await tellWhatStays(stack)
}

/** Whoever types the name has read it. */
async function assertMeant({ name }: Stack, { url, volumeId }: Partial<Outputs>, yes: boolean) {
  const what = url ? `${url} and its data volume ${volumeId}` : 'whatever there is of it'
  step(`This takes away stack ${name}: ${what}`)
  if (url) step('The address goes back to AWS for good: the next npm run up gets another one')
  if (yes) return
  const answer = await ask(`Type ${name} to go on: `)
  if (answer !== name) throw new Error('Nothing was changed')
}

interface Source {
  place: Place
  outputs: Partial<Outputs>
  standing: Standing
  yes: boolean
}

/** @throws {Error} where there is no backup, and the snapshot is not enough for whoever is asked */
async function saveData(stack: Stack, { place, outputs, standing, yes }: Source) {
  if (!isReachable(outputs)) return
  const { instance, missing } = standing
  try {
    if (!instance && missing.length > 0) throw new Error(`${outputs.instanceId} is gone`)
    if (instance && (await wake(stack, place, instance))) await untilAnswers(outputs.url)
    await backUp(outputs, stack.name)
  } catch (error) {
    step(`There is no last backup. ${(error as Error).message}`)
    step('The final snapshot of the data volume is what remains')
    await assertConfirmed('Is that enough?', { yes })
  }
}

/** A stack that never came up has no data either. */
function isReachable(outputs: Partial<Outputs>): outputs is Outputs {
  return outputs.instanceId !== undefined
}

/** A new stack of this name must not come up with older data or a release that is gone. */
async function forgetPast(stack: Stack) {
  const settings = await readSettings(stack)
  for (const name of ['release', 'restoreSnapshotId']) {
    if (settingOf(settings, name) !== '') await removeSetting(stack, name)
  }
}

async function tellWhatStays(stack: Stack) {
  const place = placeOf(await readSettings(stack))
  if (place.region === '') return step(`Stack ${stack.name} is gone; it never had a region`)
  const snapshots = await listSnapshots(place, { project, stack: stack.name })
  step(`Stack ${stack.name} is gone; of its data, this stays in ${place.region}:`)
  tellSnapshots(snapshots, { ...place, stack: stack.name })
}
