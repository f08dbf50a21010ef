// Says what npm run up would change, and changes nothing: `npm run preview`.
import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { type Change, preview, tellChanges } from './support/apply.ts'
import { parseArguments } from './support/arguments.ts'
import { runCommand } from './support/fail.ts'
import { ensureCli, selectStack } from './support/pulumi.ts'
import { step } from './support/step.ts'

const help = `npm run preview -- [options]

Says what npm run up would change on AWS, and changes nothing.

  --stack NAME     (default dev)
  --install-cli    installs the Pulumi CLI where there is none
  --github         in a workflow: also as its summary, and as the outputs "role" and "markdown"
  --help           this text`

const wayOf = {
  release: 'The pipeline deploys it as a release.',
  infrastructure: 'The pipeline deploys it by the role for infrastructure.',
  none: '**It changes IAM, which no role of the pipeline may: `npm run up` is for a person here.**',
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
  step(`Looking at what would change in stack ${stack.name}`)
  const changes = await preview(stack)
  tellChanges(changes)
  if (values.github) tellWorkflow(stack.name, changes)
}

/** Which role of the pipeline will do, see provisioning/pipeline.ts. */
export function roleFor(changes: Change[]): 'release' | 'infrastructure' | 'none' {
  if (changes.some(({ what }) => what.startsWith('iam.'))) return 'none'
  const isRelease = changes.every(({ what }) => what.startsWith('s3.BucketObjectv2 '))
  return isRelease ? 'release' : 'infrastructure'
}

export function markdown(stack: string, changes: Change[]): string {
  if (changes.length === 0) return `Nothing would change in stack ${stack}.\n`
  const rows = changes.map(({ operation, what }) => `| ${operation} | ${what} |`)
  const head = [`What would change in stack ${stack}. ${wayOf[roleFor(changes)]}`, '']
  return [...head, '| change | resource |', '|---|---|', ...rows, ''].join('\n')
}

function tellWorkflow(stack: string, changes: Change[]) {
  const { GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = process.env
  if (!GITHUB_OUTPUT || !GITHUB_STEP_SUMMARY) {
    throw new Error('--github is for a workflow of GitHub: leave it out here')
  }
  const text = markdown(stack, changes)
  const end = randomUUID()
  appendFileSync(GITHUB_OUTPUT, `role=${roleFor(changes)}\nmarkdown<<${end}\n${text}${end}\n`)
  appendFileSync(GITHUB_STEP_SUMMARY, text)
}
