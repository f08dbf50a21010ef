import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Database } from '../database/database.ts'
import { counter, type Family, gauge } from './metrics.ts'

/** Makes the function that measures the process and its database. */
export function createProcessMetrics(database: Database): () => Family[] {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()

  return function processMetrics() {
    const { user, system } = process.cpuUsage()
    const { writes, commits, commitSeconds } = database.write.totals
    const families = [
      counter(
        'process_cpu_seconds_total',
        'CPU time of the process, in seconds.',
        (user + system) / 1e6,
      ),
      gauge(
        'process_resident_memory_bytes',
        'Resident memory of the process, in bytes.',
        process.memoryUsage.rss(),
      ),
      gauge(
        'process_start_time_seconds',
        'Start time of the process, in seconds since the Unix epoch.',
        performance.timeOrigin / 1000,
      ),
      gauge(
        'onebox_event_loop_delay_p99_seconds',
        '99th percentile of the event loop delay since the last scrape, in seconds.',
        delay.count > 0 ? delay.percentile(99) / 1e9 : 0,
      ),
      counter('onebox_writes_total', 'Database writes completed.', writes),
      counter(
        'onebox_commits_total',
        'Database transactions; concurrent writes share one.',
        commits,
      ),
      counter(
        'onebox_commit_seconds_total',
        'Time spent in database transactions, in seconds.',
        commitSeconds,
      ),
      gauge(
        'onebox_write_queue',
        'Database writes waiting for the disk.',
        database.write.queueLength,
      ),
      gauge('onebox_database_bytes', 'Size of the database file, in bytes.', database.sizeBytes()),
    ]
    delay.reset()
    return families
  }
}
