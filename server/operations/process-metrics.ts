import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Database } from '../database/database.ts'
import { counter, type Family, gauge } from './metrics.ts'

const help = {
  cpu: 'CPU time of the process, in seconds.',
  memory: 'Resident memory of the process, in bytes.',
  start: 'Start time of the process, in seconds since the Unix epoch.',
  delay: '99th percentile of the event loop delay since the last scrape, in seconds.',
  commits: 'Database transactions; concurrent writes share one.',
  commitSeconds: 'Time spent in database transactions, in seconds.',
}

/** Makes the function that measures the process and its database. */
export function createProcessMetrics(database: Database): () => Family[] {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()

  return function processMetrics() {
    const { user, system } = process.cpuUsage()
    const cpuSeconds = (user + system) / 1e6
    const startedAt = performance.timeOrigin / 1000
    const delaySeconds = delay.count > 0 ? delay.percentile(99) / 1e9 : 0
    delay.reset()
    const { write } = database
    const { writes, commits, commitSeconds } = write.totals
    return [
      counter('process_cpu_seconds_total', help.cpu, cpuSeconds),
      gauge('process_resident_memory_bytes', help.memory, process.memoryUsage.rss()),
      gauge('process_start_time_seconds', help.start, startedAt),
      gauge('onebox_event_loop_delay_p99_seconds', help.delay, delaySeconds),
      counter('onebox_writes_total', 'Database writes completed.', writes),
      counter('onebox_commits_total', help.commits, commits),
      counter('onebox_commit_seconds_total', help.commitSeconds, commitSeconds),
      gauge('onebox_write_queue', 'Database writes waiting for the disk.', write.queueLength),
      gauge('onebox_database_bytes', 'Size of the database file, in bytes.', database.sizeBytes()),
    ]
  }
}
