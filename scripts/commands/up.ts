// Brings onebox up on AWS, or up to date: `npm run up`.
import { styleText } from 'node:util'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { assertPartition, type Config } from '../../provisioning/config.ts'
import { NotLive, shortId, untilLive } from '../site/until-live.ts'
import { problemsOfAlarms } from '../stack/alarms.ts'
import { apply, type Change, preview, tellChanges } from '../stack/apply.ts'
import { defaultRegion, whoAmI } from '../stack/aws/account.ts'
import type { Place } from '../stack/aws/ask.ts'
import { readConsole } from '../stack/aws/console.ts'
import { findOwnDiskKey } from '../stack/aws/disk-key.ts'
import { keyRights } from '../stack/cures.ts'
import { settleType } from '../stack/free-plan.ts'
import { tellImage } from '../stack/image.ts'
import { reconcile, type Standing, wake } from '../stack/instance.ts'
import { type Outputs, readOutputs, requireOutputs } from '../stack/outputs.ts'
import { tellCost } from '../stack/prices.ts'
import { keepPrivate, warnOfPipeline } from '../stack/privacy.ts'
import { openStack } from '../stack/pulumi.ts'
import {
  checkSettings,
  placeOf,
  project,
  readSettings,
  removeSetting,
  type Settings,
  setSetting,
  settingOf,
} from '../stack/settings.ts'
import { assertRestorable } from '../stack/snapshots.ts'
import { arrangeAccess } from '../stack/ssh-access.ts'
import { integerOption, parseArguments } from '../terminal/arguments.ts'
import { assertConfirmed, isSomebodyThere } from '../terminal/confirm.ts'
import { runCommand } from '../terminal/fail.ts'
import { duration } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'
import { smoke } from './smoke.ts'

const help = `npm run up -- [options]

Makes the stack on AWS or brings it up to date, waits until the site itself says that it runs what
it should, and then asks it for everything that it promises. Run again after an interruption, it
goes on from there.

  --stack NAME     (default dev)
  --region NAME    where to build a new stack, such as eu-central-1
  --zone NAME      where in that region, such as eu-central-1b
  --ssh            opens SSH for the address of this machine
  --latest         ends a rollback: the release in this folder again
  --restore SNAP   makes a new stack's data volume from a snapshot
  --new-instance   another instance in place of this one, to which data and address move
  --wait SECONDS   how long the site may take to come up (default 900)
  --install-cli    installs the Pulumi CLI where there is none
  --yes            asks nothing
  --help           this text`

const changesShown = 12
const consoleLines = 20

await runCommand(main)

async function main() {
  const options = parseOptions()
  const startedAt = performance.now()
  const stack = await openStack(options.stack, options['install-cli'])
  const before = await readOutputs(stack)
  const { config, place, instance } = await prepare(stack, options)
  const replace = options['new-instance'] && instance ? [instance.urn] : []
  const changes = await foresee(stack, config, { ...options, replace })
  await tellImage(place, changes, instance)
  await assertConfirmed('Go on?', options)

  if (instance && replace.length === 0) await wake(stack, place, instance)
  step(`Applying stack ${stack.name}`)
  await apply(stack, 'up', { replace })
  const outputs = await requireOutputs(stack)
  if (config.writeToken === '' && outputs.writeToken !== before.writeToken)
    showToken(stack, outputs)

  step(`Waiting for ${outputs.url} to run release ${shortId(outputs.release)}`)
  await comeUp(stack, outputs, options.waitSeconds)
  step('Asking the site for everything that it promises')
  await checkSite(outputs)
  await tellAlarms(stack, place, outputs)
  warnOfPipeline(stack, config)
  tellNextSteps(stack, outputs, (performance.now() - startedAt) / 1000)
}

type Options = ReturnType<typeof parseOptions>

function parseOptions() {
  const { values } = parseArguments('up', help, {
    options: {
      stack: { type: 'string', default: 'dev' },
      region: { type: 'string' },
      zone: { type: 'string' },
      ssh: { type: 'boolean', default: false },
      latest: { type: 'boolean', default: false },
      restore: { type: 'string' },
      wait: { type: 'string', default: '900' },
      'new-instance': { type: 'boolean', default: false },
      'install-cli': { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
    },
  })
  return { ...values, waitSeconds: integerOption('--wait', values.wait, [1, 86_400]) }
}

/** Settles everything that the program will need to know, and finds what is missing. */
async function prepare(stack: Stack, options: Options) {
  const settings = await readSettings(stack)
  const region = await chooseRegion(stack, settings, options.region)
  const place = { ...placeOf(settings), region }
  const { account, arn } = await whoAmI(place)
  if (placeOf(settings).region === '') await stack.setConfig('aws:region', { value: region })
  settings.values['aws:region'] = region
  step(`AWS account ${account} in ${region}, as ${arn}`)
  await settleRelease(stack, settings, options.latest)
  const { instance, volume } = await reconcile(stack, place, 'up')
  await settleZone(stack, volume, options.zone)
  await settleSnapshot(stack, settings, { volumeId: volume?.id }, options.restore)
  await settleType(stack, place, instance)
  if (!instance) await tellDiskKey(place)
  await arrangeAccess(stack, settings, { ...options, hasInstance: instance !== undefined })
  const settled = await readSettings(stack)
  await keepPrivate(stack, settled)
  return { config: checkSettings(stack, settled), place, instance }
}

/** The stack's own, or else the one that is asked for, or the usual one of this machine. */
async function chooseRegion({ name }: Stack, settings: Settings, wanted: string | undefined) {
  const { region: known, profile } = placeOf(settings)
  if (known !== '' && wanted !== undefined && wanted !== known) {
    throw new Error(`Stack ${name} is in ${known}: for ${wanted}, make another one with --stack`)
  }
  const region = known || wanted || (await defaultRegion(profile))
  if (region) {
    assertPartition(region)
    return region
  }
  throw new Error('Where shall it run? Add --region eu-central-1, or another one near you')
}

async function settleRelease(stack: Stack, settings: Settings, isLatest: boolean) {
  const pinned = settingOf(settings, 'release')
  if (pinned === '') return
  if (isLatest) {
    await removeSetting(stack, 'release')
    return step(`No longer held at release ${shortId(pinned)}`)
  }
  const text = `HELD AT RELEASE ${shortId(pinned)} by a rollback, whatever is in this folder`
  step(`${styleText(['bold', 'yellow'], text)}: --latest ends that`)
}

/** Where the data will come from, if there is no volume that has it. */
async function settleSnapshot(
  stack: Stack,
  settings: Settings,
  { volumeId }: { volumeId: string | undefined },
  wanted: string | undefined,
) {
  if (wanted && volumeId) {
    const cure = `npm run up -- --stack another --restore ${wanted}, or npm run destroy first`
    throw new Error(`Stack ${stack.name} has its data volume, ${volumeId}: ${cure}`)
  }
  const id = wanted || settingOf(settings, 'restoreSnapshotId')
  if (!id || volumeId) return
  const values = { ...settings.values, [`${project}:restoreSnapshotId`]: id }
  await assertRestorable(placeOf(settings), checkSettings(stack, { ...settings, values }))
  if (wanted) await setSetting(stack, 'restoreSnapshotId', wanted)
  step(`The data volume will be made from ${id}`)
}

/** A volume stays in its zone, and so does everything else. */
async function settleZone(stack: Stack, volume: Standing['volume'], wanted: string | undefined) {
  if (wanted === undefined || wanted === volume?.zone) return
  if (volume) {
    const cure = `npm run destroy, then npm run up -- --zone ${wanted}, with --restore SNAPSHOT if there is data`
    throw new Error(
      `Stack ${stack.name} has its data volume, ${volume.id}, in ${volume.zone}: ${cure}`,
    )
  }
  await setSetting(stack, 'availabilityZone', wanted)
}

/** It may work; where it does not, AWS only says that the launch has failed. */
async function tellDiskKey(place: Place) {
  const key = await findOwnDiskKey(place)
  if (key === undefined) return
  step(
    `New disks here are encrypted with the account's own key, ${key}: it must allow you ${keyRights}`,
  )
}

/** @throws {Error} where somebody would have to be asked and nobody is there */
async function foresee(
  stack: Stack,
  config: Config,
  { yes, replace }: { yes: boolean; replace: string[] },
): Promise<Change[]> {
  step(tellCost(config))
  if (!yes && !isSomebodyThere()) await assertConfirmed('Go on?', { yes })
  step('Looking at what would change')
  const changes = await preview(stack, { replace })
  tellChanges(changes, changesShown)
  return changes
}

/** Once, and into no log of a build server. */
function showToken({ name }: Stack, { writeToken }: Outputs) {
  if (writeToken === '') return
  const again = `npm run pulumi -- stack output writeToken --show-secrets --stack ${name}`
  if (process.env.CI) return step(`The token that writes need: ${again}`)
  step(`The token that writes need, shown this once (later: ${again}):\n\n  ${writeToken}\n`)
}

/** @throws {Error} after what the instance has written to its console, where it never came up */
async function comeUp(stack: Stack, outputs: Outputs, waitSeconds: number) {
  try {
    await untilLive(outputs, { waitSeconds })
  } catch (error) {
    if (error instanceof NotLive) await showConsole(stack, outputs)
    throw error
  }
}

async function showConsole(stack: Stack, { instanceId }: Outputs) {
  step(`The last lines on the console of ${instanceId}`)
  try {
    const lines = await readConsole(placeOf(await readSettings(stack)), instanceId)
    const shown = lines.length === 0 ? ['nothing: AWS can be minutes behind'] : lines
    for (const line of shown.slice(-consoleLines)) console.log(styleText('dim', `  ${line}`))
  } catch (error) {
    console.log(`  ${(error as Error).message}`)
  }
}

async function checkSite({ url, writeToken }: Outputs) {
  const target = { base: url, token: writeToken || undefined }
  const checks = await smoke(target)
  const failed = checks.filter(({ ok }) => !ok)
  for (const { name, problem } of failed)
    console.log(`${styleText('red', '✗')} ${name}\n  ${problem}`)
  if (failed.length === 0) return console.log(`  all ${checks.length} checks passed`)
  const cure = 'npm run logs shows more, npm run rollback goes back'
  throw new Error(`${failed.length} of ${checks.length} checks of ${url} failed: ${cure}`)
}

async function tellAlarms({ name }: Stack, place: Place, outputs: Outputs) {
  for (const problem of await problemsOfAlarms(name, place, outputs))
    console.log(styleText('yellow', `! ${problem}`))
}

function tellNextSteps({ name }: Stack, { url, writeToken }: Outputs, seconds: number) {
  const flag = name === 'dev' ? '' : ` -- --stack ${name}`
  const auth = writeToken ? ` -H "Authorization: Bearer $WRITE_TOKEN"` : ''
  console.log(`
onebox is up at ${styleText('bold', url)} after ${duration(seconds)}

  curl -X PUT${auth} -d 'hello, world' ${url}
  npm run status${flag}      what runs, and whether all is well
  npm run rollback${flag}    back to the release before
  npm run destroy${flag}     takes it all away, but for snapshots of the data`)
}
