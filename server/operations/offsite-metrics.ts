import { type Family, gauge } from './metrics.ts'
import { readOffsiteState } from './offsite-state.ts'

interface Settings {
  offsiteStateFile: string | undefined
  offsiteMinutes: number
}

/** Makes the function that reports the backups in the bucket; nothing without them. */
export function createOffsiteMetrics({ offsiteStateFile, offsiteMinutes }: Settings) {
  return function offsiteMetrics(): Family[] {
    const state = readOffsiteState(offsiteStateFile)
    if (state === undefined) return []
    const { backedUpTo, backup, drill } = state
    return [
      gauge(
        'onebox_offsite_backup_timestamp_seconds',
        'Time up to which all writes are in a checked backup in the bucket, in seconds since the Unix epoch; 0 without one.',
        seconds(backedUpTo),
      ),
      gauge(
        'onebox_offsite_backup_interval_seconds',
        'How often changed data should be backed up to the bucket, in seconds.',
        offsiteMinutes * 60,
      ),
      gauge(
        'onebox_offsite_backup_size_bytes',
        'Size of the last backup in the bucket before compression, in bytes.',
        backup?.bytes ?? 0,
      ),
      gauge(
        'onebox_restore_drill_timestamp_seconds',
        'Time of the last restore drill that succeeded, in seconds since the Unix epoch; 0 without one.',
        seconds(drill?.at),
      ),
    ]
  }
}

function seconds(time: string | undefined): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000)
}
