import { duration } from '../terminal/format.ts'

/** What became of a step. */
export interface Outcome {
  what: string
  seconds: number
  /** What was measured. */
  seen?: string | undefined
  /** Absent if the step passed. */
  problem?: string | undefined
}

interface Rehearsed {
  /** Such as `2026-11-28`. */
  date: string
  region: string
  /** Of onebox and what runs it. */
  versions: string
  /** The address of what stood in for AWS; empty is AWS itself. */
  standIn: string
  outcomes: Outcome[]
}

/** The report as Markdown, without ids, addresses and tokens. */
export function reportText({ date, region, versions, standIn, outcomes }: Rehearsed): string {
  const passed = outcomes.filter(({ problem }) => problem === undefined).length
  const took = duration(outcomes.reduce((sum, { seconds }) => sum + seconds, 0))
  const where = standIn === '' ? `AWS, ${region}` : 'a stand-in for AWS'
  const rows = outcomes.map((outcome) => `| ${rowOf(outcome).join(' | ')} |`)
  return `# Rehearsal of ${date}

\`npx onebox rehearse\` took a throw-away stack through its whole life on ${where}:
${passed} of ${outcomes.length} steps passed, in ${took} (${versions}).
Ids, addresses and tokens are left out.

| step | took | result |
|---|---|---|
${rows.join('\n')}
`
}

function rowOf({ what, seconds, seen, problem }: Outcome): string[] {
  const result = problem === undefined ? `passed${seen ? `: ${seen}` : ''}` : `FAILED: ${problem}`
  return [what, duration(seconds), withoutIds(result).replaceAll('|', '\\|')]
}

const ids: [pattern: RegExp, name: string][] = [
  [/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/g, 'ADDRESS'],
  [/\barn:\S+/g, 'ARN'],
  [/\b([a-z]{1,9})-[\da-f]{8,17}\b/g, '$1-…'],
  [/\b\d{12}\b/g, 'ACCOUNT'],
  [/\b[\da-f]{40,}\b/g, '…'],
]

function withoutIds(text: string): string {
  return ids.reduce((left, [pattern, name]) => left.replace(pattern, name), text)
}
