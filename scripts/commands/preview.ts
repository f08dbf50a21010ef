// Says what npm run up would change, and changes nothing: `npm run preview`.
import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { type Change, preview, tellChanges } from '../stack/apply.ts'
import type { Instance } from '../stack/aws/instance.ts'
import { imageLines } from '../stack/image.ts'
import { isUp, lookAtInstance, standingLines } from '../stack/instance.ts'
import { ensureCli, selectStack } from '../stack/pulumi.ts'
import { placeOf, readSettings } from '../stack/settings.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'
import { step } from '../terminal/step.ts'

const help = `npm run preview -- [options]

Says what npm run up would change on AWS, and changes nothing.

  --stack NAME     (default dev)
  --install-cli    installs the Pulumi CLI where there is none
  --github         in a workflow: also as its summary, and as the outputs "role" and "markdown"
  --help           this text`

const wayOf = {
  release: 'The pipeline deploys it as a release.',
  infrastructure: 'The pipeline deploys it by the role for infrastructure.',
  none: '**It needs IAM, which no role of the pipeline may use: `npm run up` is for a person here.**',
}

if (import.meta.main) await runCommand(main)

async function main() {
  const { values } = parseArguments('preview', help, {
    options: {
      stack: { type: 'string', default: 'dev' },
      'install-cli': { type: 'boolean', default: false },
      github: { type: 'boolean', default: false },
    },
  })
  if (values['install-cli']) await ensureCli(true)
  const stack = await selectStack(values.stack)
  const place = placeOf(await readSettings(stack))
  const { instance, missing } = await lookAtInstance(stack, place)
  step(`Looking at what would change in stack ${stack.name}`)
  // Only an update may have Pulumi forget what is missing.
  const changes = await preview(stack, { replace: missing })
  const notes = [...standingLines(instance), ...(await imageLines(place, changes, instance))]
  tellChanges(changes)
  for (const note of notes) console.log(`  ${note}`)
  if (values.github) tellWorkflow(stack.name, { changes, notes, instance })
}

/** Which role of the pipeline will do, see provisioning/pipeline.ts. */
export function roleFor(
  changes: Change[],
  instance?: Instance,
): 'release' | 'infrastructure' | 'none' {
  if (changes.some(needsIam)) return 'none'
  const isRelease = changes.every(({ what }) => what.startsWith('s3.BucketObjectv2 '))
  const isReady = instance === undefined || isUp(instance)
  return isRelease && isReady ? 'release' : 'infrastructure'
}

/** Before its first alarm that acts on EC2, AWS makes a role for CloudWatch, if we may have it do so. */
function needsIam({ operation, what }: Change): boolean {
  const isNew = operation === 'create'
  return what.startsWith('iam.') || (isNew && /^cloudwatch\.MetricAlarm re(cover|boot)$/.test(what))
}

interface Findings {
  changes: Change[]
  /** Sentences beside them. */
  notes?: string[]
  instance?: Instance | undefined
}

export function markdown(stack: string, { changes, notes = [], instance }: Findings): string {
  const rows = changes.map(({ operation, what }) => `| ${operation} | ${what} |`)
  const table = ['', '| change | resource |', '|---|---|', ...rows]
  const way = wayOf[roleFor(changes, instance)]
  const head =
    changes.length === 0
      ? [`Nothing would change in stack ${stack}.`]
      : [`What would change in stack ${stack}. ${way}`, ...table]
  return [...head, ...notes.flatMap((note) => ['', note]), ''].join('\n')
}

function tellWorkflow(stack: string, findings: Findings) {
  const { GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = process.env
  if (!GITHUB_OUTPUT || !GITHUB_STEP_SUMMARY) {
    throw new Error('--github is for a workflow of GitHub: leave it out here')
  }
  const text = markdown(stack, findings)
  const role = roleFor(findings.changes, findings.instance)
  const end = randomUUID()
  appendFileSync(GITHUB_OUTPUT, `role=${role}\nmarkdown<<${end}\n${text}${end}\n`)
  appendFileSync(GITHUB_STEP_SUMMARY, text)
}
