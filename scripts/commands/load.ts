import { deleteAll, type LoadOptions, load, writeShare } from '../site/load.ts'
import type { Report } from '../site/tally.ts'
import { assertAnswers, assertOwn } from '../site/target.ts'
import { findTarget } from '../stack/target.ts'
import { defineCommand } from '../terminal/command.ts'
import { duration, whole } from '../terminal/format.ts'
import { json, stackOfSite, url } from '../terminal/options.ts'
import { createProgress } from '../terminal/progress.ts'
import { watchSignals } from '../terminal/signals.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: '',
  about: `Requests the page as fast as the site answers and prints the rate and the latency. With a token or
--writes, every twentieth request saves a birthday under a made-up name, deleted at the end. Fails
if any request failed. The token comes from WRITE_TOKEN or from the stack.`,
  options: {
    url,
    stack: stackOfSite,
    mine: {
      type: 'string',
      value: 'HOST',
      help: 'repeat the host of --url, unless it is this machine',
    },
    connections: {
      type: 'integer',
      value: 'N',
      default: 10,
      range: [1, 200],
      help: 'number of connections',
    },
    seconds: {
      type: 'integer',
      value: 'N',
      default: 10,
      range: [1, 300],
      help: 'how long to send requests',
    },
    'p99-ms': {
      type: 'integer',
      value: 'N',
      range: [1, 60_000],
      help: 'fail if the p99 is above this',
    },
    writes: { type: 'boolean', help: 'save birthdays even without a token' },
    json,
  },
  async run({ connections, seconds, mine, json, 'p99-ms': p99LimitMs, ...options }) {
    const target = await findTarget(options)
    if (options.stack === undefined) assertOwn(target, mine)
    const writes = options.writes || target.token !== undefined
    const print = json ? () => {} : step
    print(`Loading ${target.base}: ${loadText({ connections, seconds, writes })}`)
    await assertAnswers(target)
    const isInterrupted = watchSignals()
    const progress = json ? undefined : createProgress('requests')
    const onProgress = progress?.update ?? (() => {})
    const report = await load(target, { connections, seconds, writes, isInterrupted, onProgress })
    progress?.end()
    if (report.saved.length > 0) print(`Deleting ${report.saved.length} birthdays`)
    const left = await deleteAll(target, report.saved)
    if (json) console.log(JSON.stringify(report, null, 2))
    else printReport(report)
    if (isInterrupted()) process.exitCode = 130
    assertGood(report, { left, p99LimitMs })
  },
})

function loadText({ connections, seconds, writes }: LoadOptions): string {
  const what = writes ? `${writeShare * 100} % of it writes` : 'reading only'
  return `${whole(connections)} connections, ${duration(seconds)}, ${what}`
}

function printReport(report: Report) {
  const { seconds, requests, requestsPerSecond, limited, failures, milliseconds } = report
  const { p50, p90, p99, max } = milliseconds
  step(`${whole(requests)} requests in ${duration(seconds)}: ${whole(requestsPerSecond)}/s`)
  console.log(`  p50 ${ms(p50)}  p90 ${ms(p90)}  p99 ${ms(p99)}  max ${ms(max)}`)
  if (limited > 0) console.log(`  ${whole(limited)} writes refused by the rate limit (429)`)
  for (const [kind, count] of Object.entries(failures)) console.log(`  ${whole(count)} × ${kind}`)
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}

/** @throws {Error} naming what went wrong */
function assertGood(report: Report, { left, p99LimitMs = Number.POSITIVE_INFINITY }: Wanted) {
  const failed = Object.values(report.failures).reduce((sum, count) => sum + count, 0)
  if (left.length > 0) {
    throw new Error(`These birthdays are left over: DELETE /hello/{${left}} by hand`)
  }
  if (failed > 0) {
    const cure = 'try fewer --connections, or read the log of onebox'
    throw new Error(`${whole(failed)} of ${whole(report.requests)} requests failed: ${cure}`)
  }
  const { p99 } = report.milliseconds
  if (p99 > p99LimitMs) {
    throw new Error(`p99 is ${ms(p99)}, over --p99-ms ${p99LimitMs}: try fewer --connections`)
  }
}

interface Wanted {
  left: string[]
  p99LimitMs: number | undefined
}
