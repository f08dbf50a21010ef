import { Readable } from 'node:stream'
import type { TestEvent } from 'node:test/reporters'
import { spec } from 'node:test/reporters'
import { packages } from './tools.ts'

/** Node's usual report, and after it what was left out and how to run that, too. */
export default async function* report(events: AsyncIterable<TestEvent>) {
  const leftOut: string[] = []
  yield* Readable.from(watch(events, leftOut)).pipe(new spec())
  yield summary(leftOut)
}

async function* watch(events: AsyncIterable<TestEvent>, leftOut: string[]) {
  for await (const event of events) {
    if (event.type === 'test:pass' && event.data.skip !== undefined) {
      leftOut.push(String(event.data.skip))
    }
    yield event
  }
}

/** Reasons that name programs, as `needs` gives them, become one command that brings those. */
export function summary(reasons: string[]): string {
  if (reasons.length === 0) return ''
  const lacking = new Set<string>()
  const others = new Set<string>()
  for (const reason of reasons) {
    const tools = reason.replace(/^needs /, '').split(', ')
    const known = reason.startsWith('needs ') && tools.every((tool) => tool in packages)
    if (known) for (const tool of tools) lacking.add(tool)
    else others.add(reason)
  }
  const why = [...(lacking.size > 0 ? [`needs ${list(lacking)}`] : []), ...others].join('; ')
  const debs = [...lacking].map((tool) => packages[tool] as string)
  const cure = `  apt install --no-install-recommends ${list(new Set(debs), ' ')}\n`
  const tests = reasons.length === 1 ? '1 test was' : `${reasons.length} tests were`
  const text = `\n${tests} left out: ${why}\n`
  return lacking.size > 0 ? `${text}${cure}` : text
}

function list(words: Set<string>, separator = ', '): string {
  return [...words].sort().join(separator)
}
