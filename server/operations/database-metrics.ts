import type { Database } from '../database/database.ts'
import { counter, type Family, gauge } from './metrics.ts'

const help = {
  commits: 'Database transactions; concurrent writes share one.',
  commitSeconds: 'Time spent in database transactions, in seconds.',
}

/** What the database file and its writer have to report. */
export function databaseMetrics({ write, sizeBytes }: Database): Family[] {
  const { writes, commits, commitSeconds } = write.totals
  return [
    counter('onebox_writes_total', 'Database writes completed.', writes),
    counter('onebox_commits_total', help.commits, commits),
    counter('onebox_commit_seconds_total', help.commitSeconds, commitSeconds),
    gauge('onebox_write_queue', 'Database writes waiting for the disk.', write.queueLength),
    gauge('onebox_database_bytes', 'Size of the database file, in bytes.', sizeBytes()),
  ]
}
