import { spawnSync } from 'node:child_process'
import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'

/**
 * Kills another worker of our own pm2, which then starts a new one. A process id may be stale, so
 * only a child of that pm2 is killed.
 * @returns whether it was killed
 */
export function killSibling(pid: number): boolean {
  if (!cluster.worker?.isConnected() || pid === process.pid) return false
  try {
    return parentOf(pid) === process.ppid && process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

function parentOf(pid: number): number {
  if (process.platform !== 'linux') {
    return Number(spawnSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }).stdout)
  }
  // The name of the program, in parentheses, may contain anything.
  const [, parent] = /.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
  return Number(parent)
}
