import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Database } from '../database/database.ts'
import { type Family, single } from './metrics.ts'

/** Makes the function that reads what is known of the process itself and of its database. */
export function createProcessMetrics(database: Database): () => Family[] {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()

  return function processMetrics() {
    const { user, system } = process.cpuUsage()
    const { writes, commits, commitSeconds } = database.write.totals
    const families = [
      single('process_cpu_seconds_total', 'counter', 'CPU time.', (user + system) / 1e6),
      single('process_resident_memory_bytes', 'gauge', 'Memory in use.', process.memoryUsage.rss()),
      single(
        'process_start_time_seconds',
        'gauge',
        'Start of the process since the Unix epoch.',
        performance.timeOrigin / 1000,
      ),
      single(
        'onebox_event_loop_delay_p99_seconds',
        'gauge',
        'Event loop delay since the last scrape, 99th percentile.',
        delay.count > 0 ? delay.percentile(99) / 1e9 : 0,
      ),
      single('onebox_writes_total', 'counter', 'Durable writes.', writes),
      single('onebox_commits_total', 'counter', 'Transactions that writes shared.', commits),
      single('onebox_commit_seconds_total', 'counter', 'Time spent in them.', commitSeconds),
      single('onebox_write_queue', 'gauge', 'Writes under way.', database.write.queueLength),
      single('onebox_database_bytes', 'gauge', 'Size of the database.', database.sizeBytes()),
    ]
    delay.reset()
    return families
  }
}
