import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Database } from '../database/database.ts'
import { type Family, single } from './metrics.ts'

/** Makes the function that measures the process and its database. */
export function createProcessMetrics(database: Database): () => Family[] {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()

  return function processMetrics() {
    const { user, system } = process.cpuUsage()
    const { writes, commits, commitSeconds } = database.write.totals
    const families = [
      single(
        'process_cpu_seconds_total',
        'counter',
        'CPU time of the process, in seconds.',
        (user + system) / 1e6,
      ),
      single(
        'process_resident_memory_bytes',
        'gauge',
        'Resident memory of the process, in bytes.',
        process.memoryUsage.rss(),
      ),
      single(
        'process_start_time_seconds',
        'gauge',
        'Start time of the process, in seconds since the Unix epoch.',
        performance.timeOrigin / 1000,
      ),
      single(
        'onebox_event_loop_delay_p99_seconds',
        'gauge',
        '99th percentile of the event loop delay since the last scrape, in seconds.',
        delay.count > 0 ? delay.percentile(99) / 1e9 : 0,
      ),
      single('onebox_writes_total', 'counter', 'Database writes completed.', writes),
      single(
        'onebox_commits_total',
        'counter',
        'Database transactions; concurrent writes share one.',
        commits,
      ),
      single(
        'onebox_commit_seconds_total',
        'counter',
        'Time spent in database transactions, in seconds.',
        commitSeconds,
      ),
      single(
        'onebox_write_queue',
        'gauge',
        'Database writes waiting for the disk.',
        database.write.queueLength,
      ),
      single(
        'onebox_database_bytes',
        'gauge',
        'Size of the database file, in bytes.',
        database.sizeBytes(),
      ),
    ]
    delay.reset()
    return families
  }
}
