import { createSite, type Site } from './site.ts'
import { type Check, readChecks, writeChecks } from './smoke-checks.ts'
import { assertAnswers, type Target } from './target.ts'

export interface Outcome {
  name: string
  ok: boolean
  ms: number
  problem?: string
}

interface SmokeOptions {
  readOnly?: boolean
  isInterrupted?: () => boolean
  onOutcome?: (outcome: Outcome) => void
}

/** @throws {Error} if the site cannot be reached at all */
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
