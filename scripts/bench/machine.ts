import { cpus, release, totalmem } from 'node:os'
import { hasCommand, run } from './processes.ts'
import type { Bench } from './servers.ts'

export interface Machine {
  cpu: string
  cores: number
  memoryGb: number
  kernel: string
  fileSystem: string
  pinning: string
}

export function missingTools(): string[] {
  const missing: string[] = []
  if (process.platform !== 'linux') missing.push('The benchmark needs Linux (/proc, taskset)')
  if (!hasCommand('wrk')) missing.push('wrk is missing: apt install wrk')
  if (!hasCommand('setpriv')) missing.push('setpriv is missing: apt install util-linux')
  return missing
}

export async function machineFacts({ folder, cores }: Bench): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    fileSystem: await fileSystemOf(folder),
    pinning: cores ? 'server on one core, load on another' : 'server and load share the cores',
  }
}

export async function fileSystemOf(folder: string): Promise<string> {
  return (await run(['stat', '--file-system', '--format=%T', folder])).trim()
}
