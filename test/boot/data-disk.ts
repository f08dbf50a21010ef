import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A volume that outlives the machines it is attached to, and loses as much in a power cut as a disk can.
 *
 * Killing qemu alone loses nothing: this machine's kernel has even the writes that were never flushed.
 * So the guest writes to a throwaway copy, and qemu records writes and flushes in order. After a power
 * cut, the file gets all writes up to the last flush and none after it: anything acknowledged without
 * an fsync is lost.
 */
export interface DataDisk {
  file: string
  /**
   * On AWS Nitro it is NVMe. But qemu's NVMe advertises forced writes and treats them like any others,
   * so a power cut would lose what no real disk may; and it cannot grow while in use.
   */
  bus: 'virtio-blk-pci' | 'nvme'
  /** The qemu arguments that attach it. */
  args: () => string[]
  /** Brings the file to its state at the power cut. Returns how many writes were lost. */
  settle: () => number
}

/** Of a machine without a data volume. */
export const noDisk: DataDisk = { file: '', bus: 'nvme', args: () => [], settle: () => 0 }

interface DataDiskOptions {
  dir: string
  /** The EBS id, such as vol-0123456789abcdef0. */
  volumeId: string
  sizeBytes?: number
}

/** Its name in qemu. */
export const nodeName = 'data'

export const defaultSizeBytes = 2 ** 30

const sectorBytes = 512

export function createDataDisk({
  dir,
  volumeId,
  sizeBytes = defaultSizeBytes,
}: DataDiskOptions): DataDisk {
  const file = join(dir, 'data.raw')
  const copy = join(dir, 'data.qcow2')
  const log = join(dir, 'data.log')
  mkdirSync(dir, { recursive: true })
  execFileSync('truncate', ['--size', String(sizeBytes), file])
  makeCopy()
  const nodes = [
    { driver: 'file', filename: copy, 'node-name': 'data-file' },
    { driver: 'qcow2', file: 'data-file', 'node-name': 'data-copy' },
    { driver: 'file', filename: log, 'node-name': 'data-log' },
    { driver: 'blklogwrites', file: 'data-copy', log: 'data-log', 'node-name': nodeName },
  ]
  const disk: DataDisk = { file, bus: 'virtio-blk-pci', args, settle }
  return disk

  function args(): string[] {
    // As on AWS Nitro, the serial number is the volume's id without the dash.
    const device = `${disk.bus},drive=${nodeName},serial=${volumeId.replace('-', '')}`
    return [...nodes.flatMap((node) => ['-blockdev', JSON.stringify(node)]), '-device', device]
  }

  function makeCopy() {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', file, copy])
    closeSync(openSync(log, 'w'))
  }

  function settle(): number {
    const lost = replay(log, file)
    makeCopy()
    return lost
  }
}

interface Entry {
  isFlush: boolean
  diskOffset: number
  logOffset: number
  bytes: number
}

/** qemu's format is https://docs.kernel.org/admin-guide/device-mapper/log-writes.html. */
function replay(logFile: string, diskFile: string): number {
  const log = openSync(logFile, 'r')
  const disk = openSync(diskFile, 'r+')
  try {
    const entries = readEntries(log)
    const lastFlush = entries.findLastIndex(({ isFlush }) => isFlush)
    for (const { logOffset, diskOffset, bytes } of entries.slice(0, lastFlush + 1)) {
      writeSync(disk, read(log, logOffset, bytes), 0, bytes, diskOffset)
    }
    return entries.length - (lastFlush + 1)
  } finally {
    closeSync(log)
    closeSync(disk)
  }
}

const flags = { flush: 1, discard: 4 }

/** Every entry in the log: the count in its header stops at the last flush. */
function readEntries(log: number): Entry[] {
  const entries: Entry[] = []
  for (let offset = sectorBytes; ; ) {
    const header = read(log, offset, sectorBytes)
    const [sector, sectors, flag] = [0, 8, 16].map((at) => Number(header.readBigUInt64LE(at)))
    // The end, or an entry that was not fully written.
    if (!sectors && !flag) return entries
    const bytes = Number(flag) & flags.discard ? 0 : Number(sectors) * sectorBytes
    entries.push({
      isFlush: (Number(flag) & flags.flush) !== 0,
      diskOffset: Number(sector) * sectorBytes,
      logOffset: offset + sectorBytes,
      bytes,
    })
    offset += sectorBytes + bytes
  }
}

/** Returns zeros beyond the end. */
function read(file: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  readSync(file, buffer, 0, length, offset)
  return buffer
}
