// Asks a live onebox for everything the contract promises: `npm run smoke -- --url URL`.
import { styleText } from 'node:util'
import { createSite, type Site } from '../site/site.ts'
import { type Check, readChecks, writeChecks } from '../site/smoke-checks.ts'
import { assertAnswers, findTarget, type Target } from '../site/target.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { lineOf, runCommand } from '../terminal/fail.ts'
import { watchSignals } from '../terminal/signals.ts'
import { step } from '../terminal/step.ts'

const help = `npm run smoke -- --url URL|--stack NAME [options]

Asks a running onebox for everything its contract promises, as its users would, in at most two
minutes. What it changes it takes back, also when a check fails or Ctrl-C ends it; where someone
else sets the string meanwhile, theirs stays.

  --url URL        where onebox is
  --stack NAME     or the stack that it is, whose token is then used
  --read-only      only what anyone may ask, where no token is at hand
  --json           the outcome as JSON
  --help           this text

The write token is taken from WRITE_TOKEN in the environment.`

export interface Outcome {
  name: string
  ok: boolean
  ms: number
  problem?: string
}

export interface SmokeOptions {
  readOnly?: boolean
  isInterrupted?: () => boolean
  onOutcome?: (outcome: Outcome) => void
}

if (import.meta.main) await runCommand(main)

async function main() {
  const { values } = parseArguments('smoke', help, {
    options: {
      url: { type: 'string' },
      stack: { type: 'string' },
      'read-only': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const target = await findTarget({ stack: values.stack, url: values.url })
  if (!values.json) step(`Checking ${target.base}${values['read-only'] ? ', reading only' : ''}`)
  const isInterrupted = watchSignals()
  const checks = await smoke(target, {
    readOnly: values['read-only'],
    isInterrupted,
    onOutcome: values.json ? () => {} : print,
  })
  const ok = checks.every((check) => check.ok)
  if (values.json) console.log(JSON.stringify({ url: target.base, ok, checks }, null, 2))
  if (isInterrupted()) process.exitCode = 130
  else if (!ok) throw new Error(summaryOf(checks, target))
  else if (!values.json) step(`All ${checks.length} checks passed`)
}

/** @throws {Error} where the site cannot be reached at all */
export async function smoke(target: Target, options: SmokeOptions = {}): Promise<Outcome[]> {
  const { readOnly = false, isInterrupted = () => false, onOutcome = () => {} } = options
  const site = createSite(target, isInterrupted)
  const outcomes: Outcome[] = []
  await assertAnswers(target)
  for (const check of checksFor(target, readOnly)) {
    const outcome = await run(check, site)
    outcomes.push(outcome)
    onOutcome(outcome)
    if (isInterrupted()) break
  }
  return outcomes
}

function checksFor({ token }: Target, readOnly: boolean): Check[] {
  if (readOnly) return readChecks
  return [...readChecks, ...writeChecks.filter(({ needsToken }) => !needsToken || token)]
}

async function run({ name, run }: Check, site: Site): Promise<Outcome> {
  const startedAt = performance.now()
  const problems = [await problemOf(() => run(site)), await problemOf(site.undoAll)]
  const problem = problems.filter((text) => text !== undefined).join('; and left behind: ')
  const ms = Math.round(performance.now() - startedAt)
  return problem === '' ? { name, ok: true, ms } : { name, ok: false, ms, problem }
}

async function problemOf(act: () => Promise<void>): Promise<string | undefined> {
  try {
    await act()
  } catch (error) {
    return (error as Error).message
  }
}

function print({ name, ok, ms, problem }: Outcome) {
  const sign = ok ? styleText('green', '✓') : styleText('red', '✗')
  console.log(
    `${sign} ${name} ${styleText('dim', `${ms} ms`)}${ok ? '' : `\n  ${lineOf(problem)}`}`,
  )
}

function summaryOf(checks: Outcome[], { base, token }: Target): string {
  const failed = checks.filter(({ ok }) => !ok)
  const lacksToken = token === undefined && failed.some(({ problem }) => problem?.includes('401'))
  const cure = lacksToken
    ? 'set WRITE_TOKEN, or add --read-only'
    : 'see what ✗ says, then mend it or go back to the release before'
  return `${failed.length} of ${checks.length} checks of ${base} failed: ${cure}`
}
