// Puts a running onebox of your own under a bounded load: `npm run load -- --url URL`.
import type { Agent } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { randomLetters } from '../site/letters.ts'
import { createConnection, type Response, request } from '../site/request.ts'
import { createTally, type Report } from '../site/tally.ts'
import { assertAnswers, assertOwn, authorization, findTarget, type Target } from '../site/target.ts'
import { integerOption, parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'
import { duration, whole } from '../terminal/format.ts'
import { createProgress } from '../terminal/progress.ts'
import { watchSignals } from '../terminal/signals.ts'
import { step } from '../terminal/step.ts'

const bounds = { connections: [1, 200], seconds: [1, 300], p99Ms: [1, 60_000] } as const

const help = `npm run load -- --url URL|--stack NAME [options]

Asks a running onebox for its page as fast as it answers, over several connections, and says how
fast that was. With a token (or --writes) every twentieth request saves a birthday, of names made
up for it and deleted in the end. Fails where any request did.

  --url URL          where onebox is
  --stack NAME       or the stack that it is, whose token is then used
  --mine HOST        its host once more, unless it is this machine: a load is for your own server
  --connections N    1 to ${bounds.connections[1]} (default 10)
  --seconds N        1 to ${bounds.seconds[1]} (default 10)
  --p99-ms N         fails as well where 1 % of the answers take longer than this
  --writes           saves birthdays where onebox has no token
  --json             the outcome as JSON
  --help             this text

The write token is taken from WRITE_TOKEN in the environment. 503 and Retry-After are heeded; 429
is onebox's limit on writes at work, and counted apart.`

export interface LoadOptions {
  connections: number
  seconds: number
  writes: boolean
  isInterrupted?: () => boolean
  onProgress?: (requests: number, fraction: number) => void
}

const writeShare = 0.05
// So few because deleting them counts as writing, of which the server may allow one a second.
const nameCount = 10
const cleanUpMs = 60_000
const longestWaitMs = 15_000

if (import.meta.main) await runCommand(main)

async function main() {
  const { target, p99LimitMs, json, ...options } = await parseOptions()
  const say = json ? () => {} : step
  say(`Loading ${target.base}: ${describe(options)}`)
  await assertAnswers(target)
  const isInterrupted = watchSignals()
  const progress = json ? undefined : createProgress('requests')
  const report = await load(target, { ...options, isInterrupted, onProgress: progress?.update })
  progress?.end()
  if (report.saved.length > 0) say(`Deleting ${report.saved.length} birthdays`)
  const left = await deleteAll(target, report.saved)
  if (json) console.log(JSON.stringify(report, null, 2))
  else print(report)
  if (isInterrupted()) process.exitCode = 130
  assertGood(report, { left, p99LimitMs })
}

/** Asks over each connection, one request after the other, until the time is over. */
export async function load(target: Target, options: LoadOptions): Promise<Report> {
  const { connections, seconds, writes, isInterrupted = () => false, onProgress } = options
  const names = Array.from({ length: nameCount }, () => randomLetters(24))
  const tally = createTally()
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  let writesFrom = 0

  await Promise.all(Array.from({ length: connections }, ask))
  return tally.report(elapsed())

  async function ask() {
    const agent = createConnection(target.base)
    while (elapsed() < seconds && !isInterrupted()) {
      const isWrite = writes && elapsed() >= writesFrom && Math.random() < writeShare
      const waitMs = isWrite ? await write(agent) : await read(agent)
      onProgress?.(tally.requests(), Math.min(1, elapsed() / seconds))
      if (waitMs > 0) await setTimeout(Math.max(0, Math.min(waitMs, (seconds - elapsed()) * 1000)))
    }
    agent.destroy()
  }

  /** Gives how long the server wants to be left in peace. */
  async function read(agent: Agent): Promise<number> {
    const answer = await tally.time(() => request(`${target.base}/`, { agent }))
    if (answer && answer.status !== 200) tally.fail(`GET / answered ${answer.status}`)
    return waitMsAfter(answer)
  }

  async function write(agent: Agent): Promise<number> {
    const name = names[Math.floor(Math.random() * nameCount)] as string
    const answer = await tally.time(() => save(target, name, agent))
    const waitMs = waitMsAfter(answer)
    if (answer?.status === 429) {
      // The limit is on the writes of all connections; reading goes on.
      tally.limit()
      writesFrom = elapsed() + waitMs / 1000
      return 0
    }
    if (answer === undefined || answer.status === 204) tally.saved(name)
    else tally.fail(`PUT /hello answered ${answer.status}`)
    return waitMs
  }
}

function waitMsAfter(answer: Response | undefined): number {
  const isAsked = answer?.status === 429 || answer?.status === 503
  if (!isAsked) return answer === undefined ? 100 : 0
  return Math.min(longestWaitMs, 1000 * (Number(answer.headers['retry-after']) || 1))
}

function save(target: Target, name: string, agent: Agent): Promise<Response> {
  const headers = { ...authorization(target), 'Content-Type': 'application/json' }
  const body = '{"dateOfBirth":"1990-04-23"}'
  return request(`${target.base}/hello/${name}`, { agent, method: 'PUT', headers, body })
}

/** Gives the names that are still there. */
export async function deleteAll(target: Target, names: string[]): Promise<string[]> {
  const deadline = performance.now() + cleanUpMs
  const left: string[] = []
  for (const name of names) if (!(await remove(target, name, deadline))) left.push(name)
  return left
}

async function remove(target: Target, name: string, deadline: number): Promise<boolean> {
  const options = { method: 'DELETE', headers: authorization(target) }
  while (performance.now() < deadline) {
    const answer = await request(`${target.base}/hello/${name}`, options).catch(() => undefined)
    if (answer?.status === 204 || answer?.status === 404) return true
    const waitMs = waitMsAfter(answer)
    if (waitMs === 0) return false
    await setTimeout(waitMs)
  }
  return false
}

function describe({ connections, seconds, writes }: LoadOptions): string {
  const what = writes ? `${writeShare * 100} % of it writes` : 'reading only'
  return `${whole(connections)} connections, ${duration(seconds)}, ${what}`
}

function print(report: Report) {
  const { seconds, requests, requestsPerSecond, limited, failures, milliseconds } = report
  const { p50, p90, p99, max } = milliseconds
  step(`${whole(requests)} requests in ${duration(seconds)}: ${whole(requestsPerSecond)}/s`)
  console.log(`  p50 ${ms(p50)}  p90 ${ms(p90)}  p99 ${ms(p99)}  max ${ms(max)}`)
  if (limited > 0) console.log(`  ${whole(limited)} writes turned down by the rate limit (429)`)
  for (const [kind, count] of Object.entries(failures)) console.log(`  ${whole(count)} × ${kind}`)
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}

/** @throws {Error} saying what is not as it should be */
function assertGood(report: Report, { left, p99LimitMs = Number.POSITIVE_INFINITY }: Wanted) {
  const failed = Object.values(report.failures).reduce((sum, count) => sum + count, 0)
  if (left.length > 0) {
    throw new Error(`These birthdays are still there: DELETE /hello/{${left}} by hand`)
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

/** @throws {Error} one line that names the argument and the cure */
async function parseOptions() {
  const { values } = parseArguments('load', help, {
    options: {
      url: { type: 'string' },
      stack: { type: 'string' },
      mine: { type: 'string' },
      connections: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '10' },
      'p99-ms': { type: 'string' },
      writes: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const target = await findTarget({ stack: values.stack, url: values.url })
  if (values.stack === undefined) assertOwn(target, values.mine)
  const limit = values['p99-ms']
  return {
    target,
    json: values.json,
    connections: integerOption('--connections', values.connections, bounds.connections),
    seconds: integerOption('--seconds', values.seconds, bounds.seconds),
    p99LimitMs: limit === undefined ? undefined : integerOption('--p99-ms', limit, bounds.p99Ms),
    writes: values.writes || target.token !== undefined,
  }
}
