import { styleText } from 'node:util'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import type { Config } from '../../provisioning/config.ts'
import { printDeployLog } from '../site/deploy-log.ts'
import { NotLive, Rejected, shortId, waitUntilLive } from '../site/health.ts'
import { waitForHttps } from '../site/secure.ts'
import { smoke } from '../site/smoke.ts'
import { problemsOfAlarms } from '../stack/alarms.ts'
import { apply, type Change, preview, printChanges } from '../stack/apply.ts'
import type { Place } from '../stack/aws/call.ts'
import { readConsole } from '../stack/aws/console.ts'
import { passphraseText } from '../stack/backend.ts'
import { chooseBackups, type Fetched, findBackups, wishFor, withFetched } from '../stack/backups.ts'
import { printImage } from '../stack/image.ts'
import { wake } from '../stack/instance.ts'
import { retryWhileBusy } from '../stack/lock.ts'
import { machineLines, readMachines } from '../stack/machines.ts'
import {
  type DeployedStack,
  isFleet,
  type Outputs,
  readOutputs,
  requireOutputs,
} from '../stack/outputs.ts'
import { isSnapshot, type Prepared, type PrepareOptions, prepare } from '../stack/prepare.ts'
import { costText } from '../stack/prices.ts'
import { warnOfPipeline } from '../stack/privacy.ts'
import { sendToStack } from '../stack/send-backup.ts'
import { placeOf, readSettings } from '../stack/settings.ts'
import { openStack } from '../stack/workspace.ts'
import { defineCommand } from '../terminal/command.ts'
import { assertConfirmed, isInteractive } from '../terminal/confirm.ts'
import { duration } from '../terminal/format.ts'
import { installCli, region, stack, waitOption, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

interface DeployOptions extends PrepareOptions {
  stack: string
  from: string | undefined
  wait: number
  'new-instance': boolean
}

const changesShown = 12
const consoleLines = 20

export default defineCommand({
  usage: '',
  about: `Deploys this folder: makes the stack on AWS or updates it, waits until every worker of the site runs
the release, then checks that the site keeps its contract. Run it again after an interruption: it
continues where it stopped.`,
  options: {
    stack,
    region: { ...region, help: 'AWS region of a new stack, such as eu-central-1' },
    zone: {
      type: 'string',
      value: 'NAME',
      help: 'zone of a new data volume, such as eu-central-1b',
    },
    machines: {
      type: 'integer',
      value: 'N',
      range: [1, 10],
      help: 'how many machines; several share their data in DynamoDB',
    },
    ssh: { type: 'boolean', help: 'open SSH for the address of this machine' },
    latest: { type: 'boolean', help: 'end a rollback: deploy the code in this folder again' },
    restore: {
      type: 'string',
      value: 'BACKUP|SNAPSHOT',
      help: 'start a new stack with a backup, latest or by name, or with a snapshot',
    },
    from: { type: 'string', value: 'STACK', help: 'another stack whose backup to restore' },
    'new-instance': { type: 'boolean', help: 'replace the instance; data and address move along' },
    wait: waitOption(900),
    'lock-timeout': {
      type: 'integer',
      value: 'SECONDS',
      default: 0,
      range: [0, 86_400],
      help: 'how long to wait while another run changes the stack',
    },
    'install-cli': installCli,
    yes,
  },
  async run(options) {
    const stack = await openStack(options.stack, options['install-cli'])
    await retryWhileBusy(options['lock-timeout'], () => deploy(stack, options))
  },
})

async function deploy(stack: Stack, options: DeployOptions) {
  const startedAt = performance.now()
  const prepared = await prepare(stack, options)
  const site = await withWanted(prepared, options, (backup) => {
    return deployWith(stack, prepared, options, backup)
  })
  printNextSteps(stack, site, (performance.now() - startedAt) / 1000)
}

/** Returns the outputs, with the address to use. */
async function deployWith(
  stack: Stack,
  { config, place, instance }: Prepared,
  options: DeployOptions,
  backup: Fetched | undefined,
): Promise<Outputs> {
  const before = await readOutputs(stack)
  const replace = options['new-instance'] && instance ? [instance.urn] : []
  const changes = await previewChanges(stack, config, { ...options, replace })
  await printImage(place, changes, instance)
  await assertConfirmed('Continue?', options)

  if (instance && replace.length === 0) await wake(stack, place, instance)
  step(`Applying stack ${stack.name}`)
  await apply(stack, 'up', { replace })
  const applied = await requireOutputs(stack)
  const isNewToken = config.writeToken === '' && applied.writeToken !== before.writeToken
  if (isNewToken) printToken(stack, applied)
  if (before.url === undefined) printKeeping(stack, applied)

  step(`Waiting for ${applied.url} to run release ${shortId(applied.release)}`)
  const outputs = await waitForSite(stack, applied, options.wait)
  printRecord(config, outputs)
  const site = { ...outputs, url: await waitForHttps(outputs) }
  if (backup) await restoreTo({ stack, outputs: site }, backup, options)
  step('Checking that the site keeps its contract')
  await checkSite(site)
  await printAlarms(stack, place, outputs)
  warnOfPipeline(stack, config)
  return site
}

/**
 * Calls `use` with the backup to restore, if one is wanted.
 * @throws {Error} before anything is made, if there is none or it could not be sent
 */
async function withWanted<Result>(
  { config, place }: Prepared,
  { restore, stack, from = stack }: DeployOptions,
  use: (backup?: Fetched) => Promise<Result>,
): Promise<Result> {
  if (restore === undefined || isSnapshot(restore)) return use()
  const wish = wishFor(restore)
  if (config.machines === 1 && config.sshFrom.length === 0 && !config.sshEndpoint) {
    throw new Error('A backup is sent over SSH, which is closed: add --ssh')
  }
  const backups = chooseBackups(await findBackups(place, from), wish)
  return withFetched(place, backups, use, { isExact: restore !== 'latest' })
}

/** @throws {Error} with the command that tries only this again */
async function restoreTo(
  site: DeployedStack,
  { file, record: { name } }: Fetched,
  { from, stack }: DeployOptions,
) {
  try {
    console.log(`  ${await sendToStack(site, { file, name }, false)}`)
  } catch (error) {
    const source = from === undefined ? '' : ` --from ${from}`
    const again = `npx onebox restore ${name}${source} --stack ${stack}`
    throw new Error(`The site is up, but without the data (${(error as Error).message}): ${again}`)
  }
}

/** @throws {Error} without --yes if nobody is there to confirm */
async function previewChanges(
  stack: Stack,
  config: Config,
  { yes, replace }: { yes: boolean; replace: string[] },
): Promise<Change[]> {
  step(costText(config))
  if (!yes && !isInteractive()) await assertConfirmed('Continue?', { yes })
  step('Previewing the changes')
  const changes = await preview(stack, { replace })
  printChanges(changes, changesShown)
  return changes
}

/** Once, and never in the log of a CI job. */
function printToken({ name }: Stack, { writeToken }: Outputs) {
  if (writeToken === '') return
  const again = `npx onebox pulumi stack output writeToken --show-secrets --stack ${name}`
  if (process.env.CI) return step(`Writes need a token: ${again}`)
  step(`Writes need this token, shown only once (later: ${again}):\n\n  ${writeToken}\n`)
}

/** What to do before this machine is lost. */
function printKeeping({ name }: Stack, { bucket }: Outputs) {
  const passphrase = passphraseText(name)
  if (passphrase === undefined) return
  step(`${bucket} has a copy of Pulumi's state; keep ${passphrase} somewhere else, too. With both,
  npx onebox recover --stack ${name} brings the stack to another machine`)
}

/**
 * Returns the outputs of what is live: of a later run if there was one meanwhile.
 * @throws {Error} if the site did not come up, after the last lines on its console
 */
async function waitForSite(stack: Stack, outputs: Outputs, waitSeconds: number) {
  try {
    return await waitUntilLive(outputs, { waitSeconds, readLatest: () => requireOutputs(stack) })
  } catch (error) {
    if (error instanceof NotLive) await printConsole(stack, outputs)
    if (error instanceof Rejected) await printDeployLog(outputs)
    throw error
  }
}

/** Of several machines, what is known of each. */
async function printConsole(stack: Stack, outputs: Outputs) {
  const { instanceId } = outputs
  const place = placeOf(await readSettings(stack))
  step(isFleet(outputs) ? 'The machines' : `Last lines on the console of ${instanceId}`)
  try {
    const lines = isFleet(outputs)
      ? machineLines(await readMachines(place, outputs))
      : await readConsole(place, instanceId)
    const shown = lines.length === 0 ? ['nothing yet: AWS can be minutes behind'] : lines
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
  const cure = 'see npx onebox logs; npx onebox rollback goes back'
  throw new Error(`${failed.length} of ${checks.length} checks of ${url} failed: ${cure}`)
}

/** Somebody has to make it, unless Pulumi has. */
function printRecord({ domain, hostedZoneId }: Config, { ip }: Outputs) {
  if (domain === '' || hostedZoneId !== '' || ip === '') return
  console.log(`  ${domain} needs this record where its DNS is: ${domain}. 60 IN A ${ip}`)
}

async function printAlarms({ name }: Stack, place: Place, outputs: Outputs) {
  for (const problem of await problemsOfAlarms(name, place, outputs))
    console.log(styleText('yellow', `! ${problem}`))
}

function printNextSteps({ name }: Stack, site: Outputs, seconds: number) {
  const { url, writeToken } = site
  const flag = name === 'dev' ? '' : ` --stack ${name}`
  const auth = writeToken ? ` -H "Authorization: Bearer $WRITE_TOKEN"` : ''
  console.log(`
onebox is up at ${styleText('bold', url)} after ${duration(seconds)}

  curl -X PUT${auth} -d 'hello, world' ${url}
  npx onebox status${flag}      what runs, and is it healthy
  npx onebox rollback${flag}    go back to an earlier release
  npx onebox destroy${flag}     delete everything${isFleet(site) ? '' : ' but snapshots of the data'}`)
}
