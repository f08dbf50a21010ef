import { readFileSync } from 'node:fs'

/** The CPU time that a process and its descendants have used so far. */
export function cpuSeconds(pid: number): number {
  return sum(treeOf(pid).map(ticksOf)) / ticksPerSecond
}

/** The resident memory of a process and its descendants, in megabytes (10⁶ bytes). */
export function residentMb(pid: number): number {
  const kibibytes = sum(treeOf(pid).map((one) => fieldOf(one, 'VmRSS')))
  return Math.round((kibibytes * 1024) / 1e6)
}

/** sysconf(_SC_CLK_TCK), the same on every Linux. */
const ticksPerSecond = 100

function treeOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? []
  return [pid, ...children.map(Number).flatMap(treeOf)]
}

/** Of user and system; proc_pid_stat(5). */
function ticksOf(pid: number): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const fields = rest.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function fieldOf(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(status)?.[1])
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
