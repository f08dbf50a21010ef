import { styleText } from 'node:util'
import { type Outcome, smoke } from '../site/smoke.ts'
import type { Target } from '../site/target.ts'
import { findTarget } from '../stack/target.ts'
import { defineCommand } from '../terminal/command.ts'
import { lineOf } from '../terminal/fail.ts'
import { json, stackOfSite, url } from '../terminal/options.ts'
import { watchSignals } from '../terminal/signals.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: '',
  about: `Checks that a running site keeps its whole contract, in at most two minutes. Undoes its changes,
even after a failed check or Ctrl-C, and never overwrites somebody else's. The token comes from
WRITE_TOKEN or from the stack.`,
  options: {
    url,
    stack: stackOfSite,
    'read-only': { type: 'boolean', help: 'only checks that need no token' },
    json,
  },
  async run(options) {
    const readOnly = options['read-only']
    const target = await findTarget(options)
    if (!options.json) step(`Checking ${target.base}${readOnly ? ', reading only' : ''}`)
    const isInterrupted = watchSignals()
    const onOutcome = options.json ? () => {} : printOutcome
    const checks = await smoke(target, { readOnly, isInterrupted, onOutcome })
    const ok = checks.every((check) => check.ok)
    if (options.json) console.log(JSON.stringify({ url: target.base, ok, checks }, null, 2))
    if (isInterrupted()) process.exitCode = 130
    else if (!ok) throw new Error(summaryText(checks, target))
    else if (!options.json) step(`All ${checks.length} checks passed`)
  },
})

function printOutcome({ name, ok, ms, problem }: Outcome) {
  const sign = ok ? styleText('green', '✓') : styleText('red', '✗')
  console.log(
    `${sign} ${name} ${styleText('dim', `${ms} ms`)}${ok ? '' : `\n  ${lineOf(problem)}`}`,
  )
}

function summaryText(checks: Outcome[], { base, token }: Target): string {
  const failed = checks.filter(({ ok }) => !ok)
  const lacksToken = token === undefined && failed.some(({ problem }) => problem?.includes('401'))
  const cure = lacksToken
    ? 'set WRITE_TOKEN, or add --read-only'
    : 'see the lines with ✗; npx onebox rollback goes back'
  return `${failed.length} of ${checks.length} checks of ${base} failed: ${cure}`
}
