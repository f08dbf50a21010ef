import { readFileSync, statfsSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { lastBackup } from '../database/backup-folder.ts'
import { counter, type Family, gauge } from './metrics.ts'

const validMs = 2000

/** Makes the function that measures the machine and the backups on its disk. */
export function createMachineMetrics(dataDir: string): () => Family[] {
  let families: Family[] = []
  let readAt = -Infinity

  return function machineMetrics() {
    if (performance.now() - readAt > validMs) {
      readAt = performance.now()
      families = read(dataDir)
    }
    return families
  }
}

/** What is left of the data disk and of the memory, from 0 to 1. */
export function sharesLeft(dataDir: string) {
  const { blocks, bavail } = statfsSync(dataDir)
  return { disk: bavail / blocks, memory: freemem() / totalmem() }
}

function read(dataDir: string): Family[] {
  const { bsize, blocks, bavail } = statfsSync(dataDir)
  const { timestampSeconds, bytes } = lastBackup(dataDir)
  return [
    gauge('onebox_disk_bytes', 'Size of the data disk, in bytes.', blocks * bsize),
    gauge('onebox_disk_free_bytes', 'Free space on the data disk, in bytes.', bavail * bsize),
    gauge('onebox_memory_bytes', 'Total memory of the machine, in bytes.', totalmem()),
    gauge('onebox_memory_available_bytes', 'Available memory of the machine, in bytes.', freemem()),
    gauge(
      'onebox_backup_last_success_timestamp_seconds',
      'Time of the last checked backup, in seconds since the Unix epoch; 0 without one.',
      timestampSeconds,
    ),
    gauge('onebox_backup_size_bytes', 'Size of the last checked backup, in bytes.', bytes),
    ...stolenTime(),
  ]
}

const ticksPerSecond = 100

/** Only Linux counts it. It grows when an instance without CPU credits is held back. */
function stolenTime(): Family[] {
  if (process.platform !== 'linux') return []
  const [, , , , , , , , steal] = readFileSync('/proc/stat', 'latin1').split(/ +/, 9)
  return [
    counter(
      'onebox_cpu_steal_seconds_total',
      'CPU time that the hypervisor withheld from the machine, over all cores, in seconds.',
      Number(steal) / ticksPerSecond,
    ),
  ]
}
