import { readFileSync } from 'node:fs'
import { hasCommand, run } from './processes.ts'

/** The cores of the server and of the load; null with only one core or without taskset. */
export type Cores = { server: number; load: number } | null

export function assignCores(): Cores {
  const allowed = allowedCores()
  const server = allowed[0]
  const load = allowed.at(-1)
  if (server === undefined || load === undefined || server === load) return null
  return hasCommand('taskset') ? { server, load } : null
}

/** Pins this process, and all it starts later, to the load's core. */
export async function pinThisProcess(cores: Cores) {
  if (!cores) return
  await run(['taskset', '--all-tasks', '--cpu-list', '--pid', `${cores.load}`, `${process.pid}`])
}

export function onServerCore(cores: Cores, command: string[]): string[] {
  return cores ? ['taskset', '--cpu-list', `${cores.server}`, ...command] : command
}

function allowedCores(): number[] {
  const status = readFileSync('/proc/self/status', 'utf8')
  return parseCoreList(/^Cpus_allowed_list:\s*(.+)$/m.exec(status)?.[1] ?? '0')
}

/** The kernel's notation: "0-2,5" is 0, 1, 2 and 5. */
export function parseCoreList(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}
