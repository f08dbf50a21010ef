import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { styleText } from 'node:util'
import manifest from '../../package.json' with { type: 'json' }
import { smallestTypes } from '../../provisioning/config.ts'
import { checkOut } from '../rehearsal/checkout.ts'
import { cleanUp } from '../rehearsal/clean-up.ts'
import { life, type Rehearsal, type Step } from '../rehearsal/life.ts'
import { type Outcome, reportText } from '../rehearsal/report.ts'
import { whoAmI } from '../stack/aws/account.ts'
import { findZones } from '../stack/aws/ec2-instances.ts'
import { monthlyCost, readPrices, usd, usualDatabaseMb } from '../stack/cost/monthly.ts'
import { ensureCli } from '../stack/workspace.ts'
import { defineCommand, UsageError } from '../terminal/command.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { lineOf } from '../terminal/fail.ts'
import { duration } from '../terminal/format.ts'
import { installCli, region, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

const repository = resolve(import.meta.dirname, '../..')
const type = smallestTypes.arm64
// An estimate, as this has not run on AWS yet.
const minutes = 60

export default defineCommand({
  usage: '',
  about: `Takes a throw-away stack through its whole life on AWS: up, a write, a deploy, a bad release,
rollback, a stopped and a terminated instance, a new instance, backup, restore in another zone and
destroy. It asks first, works in a copy of this folder, deletes everything it made whatever happens,
checks by tags that nothing is left, and writes a report without ids.`,
  options: {
    region,
    report: {
      type: 'string',
      value: 'FILE',
      default: 'docs/rehearsal.md',
      help: 'where the report goes',
    },
    'install-cli': installCli,
    yes,
  },
  async run(options) {
    if (options.region === undefined) throw new UsageError('Which region? Add --region eu-west-1')
    await ensureCli(options['install-cli'])
    const rehearsal = await plan(options.region, options.yes)
    const outcomes = await perform(rehearsal)
    writeReport(options.report, options.region, outcomes)
    const failed = outcomes.filter(({ problem }) => problem !== undefined)
    if (failed.length > 0) throw new Error(`${failed.length} of ${outcomes.length} steps failed`)
  },
})

/** Says what will happen and what it costs, and asks. */
async function plan(region: string, yes: boolean): Promise<Rehearsal> {
  const place = { region, profile: undefined }
  const { account, arn } = await whoAmI(place)
  step(`AWS account ${account} in ${region}, as ${arn}`)
  const [first, second] = await findZones(place, type)
  if (first === undefined) throw new Error(`No zone of ${region} offers ${type}: choose another`)
  const stack = `rehearsal-${randomBytes(2).toString('hex')}`
  step(`Stack ${stack} will live for about ${minutes} minutes and cost about ${priceText(region)}`)
  await assertConfirmed('Continue?', { yes })
  step('Copying this folder, so that it stays as it is')
  const checkout = checkOut(join(repository, 'dist/rehearsals', stack), stack)
  return { checkout, place, zones: { first, second: second ?? first } }
}

function priceText(region: string): string {
  const data = { volumeGb: 8, databaseMb: usualDatabaseMb, backupBuckets: 1 }
  const config = { region, instanceType: type, ...data, alarms: false }
  const { perMonth, date } = monthlyCost(config, readPrices())
  return `${usd(Math.ceil((perMonth / 730 / 60) * minutes * 100) / 100)} (prices of ${date})`
}

/** Stops at the first step that fails or is interrupted, and cleans up in any case. */
async function perform(rehearsal: Rehearsal): Promise<Outcome[]> {
  const isInterrupted = ignoreSignals()
  const outcomes: Outcome[] = []
  for (const next of life) {
    const outcome = await take(next, rehearsal)
    if (isInterrupted()) outcome.problem = 'interrupted'
    outcomes.push(outcome)
    if (outcome.problem !== undefined) break
  }
  const last = await take({ what: 'destroy, and nothing is left', run: cleanUp }, rehearsal)
  const { dir } = rehearsal.checkout
  if (last.problem === undefined) rmSync(dir, { recursive: true })
  else step(`${dir} has what is needed to try npx onebox destroy again`)
  return [...outcomes, last]
}

async function take({ what, run }: Step, rehearsal: Rehearsal): Promise<Outcome> {
  step(styleText('bold', what))
  const startedAt = performance.now()
  const outcome: Outcome = { what, seconds: 0 }
  try {
    const seen = await run(rehearsal)
    if (typeof seen === 'string') outcome.seen = seen
  } catch (error) {
    outcome.problem = lineOf(error)
  }
  outcome.seconds = (performance.now() - startedAt) / 1000
  const { problem, seen, seconds } = outcome
  const sign = problem === undefined ? styleText('green', '✓') : styleText('red', '✗')
  const result = problem ?? seen
  console.log(`${sign} ${what} ${duration(seconds)}${result ? `\n  ${result}` : ''}`)
  return outcome
}

/** Ctrl-C reaches the running command, which ends in good order; then this cleans up. */
function ignoreSignals(): () => boolean {
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupted = true
    })
  }
  return () => interrupted
}

function writeReport(file: string, region: string, outcomes: Outcome[]) {
  const versions = `onebox ${manifest.version}, ${type}, Node ${process.version}`
  const standIn = process.env.AWS_ENDPOINT_URL ?? ''
  const date = new Date().toISOString().slice(0, 10)
  mkdirSync(dirname(resolve(file)), { recursive: true })
  writeFileSync(file, reportText({ date, region, versions, standIn, outcomes }))
  step(`The report is in ${file}`)
}
