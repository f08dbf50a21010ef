import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { type Change, preview, printChanges } from '../stack/apply.ts'
import type { Instance } from '../stack/aws/ec2-instances.ts'
import { readDeployment } from '../stack/deployment.ts'
import { imageLines } from '../stack/image.ts'
import { isUp, lookAtInstance, standingLines } from '../stack/instance.ts'
import { placeOf, readSettings } from '../stack/settings.ts'
import { unfinishedLines } from '../stack/unfinished.ts'
import { ensureCli, selectStack } from '../stack/workspace.ts'
import { defineCommand } from '../terminal/command.ts'
import { installCli, stack } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

const wayOf = {
  release: 'The pipeline deploys this as a release.',
  infrastructure: 'The pipeline deploys this with its infrastructure role.',
  none: '**This needs IAM, which no role of the pipeline may change: a person must run `npx onebox up`.**',
}

export default defineCommand({
  usage: '',
  about: 'Prints what "npx onebox up" would change on AWS, and changes nothing.',
  options: {
    stack,
    'install-cli': installCli,
    github: { type: 'boolean', help: 'in a workflow: also write its summary and its outputs' },
  },
  async run(options) {
    if (options['install-cli']) await ensureCli(true)
    const stack = await selectStack(options.stack)
    const place = placeOf(await readSettings(stack))
    const { instance, missing } = await lookAtInstance(stack, place)
    const unfinished = unfinishedLines(await readDeployment(stack))
    step(`Previewing the changes of stack ${stack.name}`)
    // Only an update may have Pulumi forget what is missing.
    const changes = await preview(stack, { replace: missing })
    const notes = [
      ...unfinished,
      ...standingLines(instance),
      ...(await imageLines(place, changes, instance)),
    ]
    printChanges(changes)
    for (const note of notes) console.log(`  ${note}`)
    if (options.github) writeWorkflowFiles(stack.name, { changes, notes, instance })
  },
})

/** The role of the pipeline that is enough, see provisioning/pipeline.ts. */
export function roleFor(
  changes: Change[],
  instance?: Instance,
): 'release' | 'infrastructure' | 'none' {
  if (changes.some(needsIam)) return 'none'
  const isRelease = changes.every(({ what }) => what.startsWith('s3.BucketObjectv2 '))
  const isReady = instance === undefined || isUp(instance)
  return isRelease && isReady ? 'release' : 'infrastructure'
}

/** For the first alarm that acts on EC2, AWS creates a role for CloudWatch. */
function needsIam({ operation, what }: Change): boolean {
  const isNew = operation === 'create'
  return what.startsWith('iam.') || (isNew && /^cloudwatch\.MetricAlarm re(cover|boot)$/.test(what))
}

interface Findings {
  changes: Change[]
  /** Sentences printed with the changes. */
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

function writeWorkflowFiles(stack: string, findings: Findings) {
  const { GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = process.env
  if (!GITHUB_OUTPUT || !GITHUB_STEP_SUMMARY) {
    throw new Error('--github only works in a GitHub workflow: leave it out')
  }
  const text = markdown(stack, findings)
  const role = roleFor(findings.changes, findings.instance)
  const end = randomUUID()
  appendFileSync(GITHUB_OUTPUT, `role=${role}\nmarkdown<<${end}\n${text}${end}\n`)
  appendFileSync(GITHUB_STEP_SUMMARY, text)
}
