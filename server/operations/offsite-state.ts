import { readJson } from '../files.ts'

/** What the backup agent has done. */
export interface OffsiteState {
  /** Every write acknowledged before this is in a backup in the bucket. */
  backedUpTo?: string
  /** The newest backup in the bucket that was read back. */
  backup?: { name: string; bytes: number; sequence: number }
  /** The last restore drill that succeeded. */
  drill?: { at: string; name: string }
  /** Why a task failed the last time; absent if it did not. */
  problems?: { backup?: string; drill?: string }
}

/** `undefined` without an agent; empty before its first run, or if the file is unreadable. */
export function readOffsiteState(file: string | undefined): OffsiteState | undefined {
  return file === undefined ? undefined : (readJson<OffsiteState>(file) ?? {})
}
