import { join } from 'node:path'
import { run } from './processes.ts'
import { type Bench, emptyLog, type Running } from './servers.ts'

const folder = join(import.meta.dirname, 'wrk')

interface Load {
  script: 'get.lua' | 'put.lua' | 'paths.lua'
  connections: number
  seconds: number
  args?: readonly string[]
  /** Gives everything else on the load's core priority. */
  yielding?: boolean
}

interface Report {
  requests: number
  seconds: number
  statuses: number
  connects: number
  reads: number
  writes: number
  timeouts: number
}

/** Puts a server under load. Returns its requests per second, and records failures. */
export async function load(bench: Bench, server: Running, wanted: Load): Promise<number> {
  const { requests, seconds } = await runLoad(bench, server, wanted)
  return Math.round(requests / seconds)
}

/** Lets a server compile its code and open its connections. */
export async function warmUp(bench: Bench, server: Running, wanted: Omit<Load, 'seconds'>) {
  await runLoad(bench, server, { ...wanted, seconds: 1 })
}

export async function runLoad(bench: Bench, server: Running, wanted: Load): Promise<Report> {
  const output = await run(command(server, wanted), { cwd: folder }).catch((error) => {
    throw new Error(`${server.name} under load: ${error.message}`)
  })
  const report: Report = JSON.parse(/^\{.*\}$/m.exec(output)?.[0] ?? '{}')
  const failures = report.statuses + report.connects + report.reads + report.writes
  if (failures + report.timeouts > 0 || report.requests === 0) {
    bench.failures.push(`${server.name}: ${wanted.script} failed: ${JSON.stringify(report)}`)
  }
  emptyLog(server)
  return report
}

function command({ url }: Running, { script, connections, seconds, args, yielding }: Load) {
  const size = ['--threads', '1', '--connections', `${connections}`, '--duration', `${seconds}s`]
  const wrk = ['wrk', ...size, '--timeout', '10s', '--script', script, `${url}/`]
  return [...(yielding ? ['nice', '-n', '19'] : []), ...wrk, ...(args ? ['--', ...args] : [])]
}
