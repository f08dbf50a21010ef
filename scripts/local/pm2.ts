import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { resolve } from 'node:path'

const runtime = resolve(import.meta.dirname, '../../node_modules/pm2/bin/pm2-runtime')

interface Pm2Options {
  env: NodeJS.ProcessEnv
  /** pm2's own folder, so that it does not share one with another pm2 of this user. */
  home: string
  stdio?: StdioOptions
  detached?: boolean
}

/** Starts pm2 in the foreground with an ecosystem file. */
export function startPm2(
  ecosystem: string,
  { env, home, stdio = 'inherit', detached = false }: Pm2Options,
): ChildProcess {
  return spawn(process.execPath, [runtime, 'start', ecosystem], {
    env: { ...env, ...pm2Environment, PM2_HOME: home },
    stdio,
    detached,
  })
}

/**
 * The environment of pm2 itself, as workers read these before they get their own. Workers accept
 * connections themselves: a primary that hands them out drops those it holds when it restarts. And
 * glibc returns memory to the system: otherwise a worker would keep 40 MB more.
 */
export const pm2Environment = {
  NODE_CLUSTER_SCHED_POLICY: 'none',
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '65536',
}
