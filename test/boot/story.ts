import type { Architecture } from '../../provisioning/config.ts'
import type { Release } from '../../provisioning/packaging/release.ts'
import type { Aws, Deployment } from './aws.ts'
import type { DataDisk } from './data-disk.ts'
import type { Machine } from './machine.ts'

/** What the chapters share: an instance, the AWS around it, and what it is to run. */
export interface Story {
  architecture: Architecture
  dir: string
  /** Prints what has happened, with the time. */
  print: (text: string) => void
  aws: Aws
  machine: Machine
  dataDisk: DataDisk
  /** The latest deployment published. */
  wanted: Deployment & { release: Release }
}

// An emulated machine is 10 to 20 times slower than a real one, and the host may be busy.
export const bootLimitMs = 15 * 60_000
export const deployLimitMs = 10 * 60_000
