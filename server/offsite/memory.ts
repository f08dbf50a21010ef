import { readJson, writeFileDurably } from '../files.ts'
import type { OffsiteState } from '../operations/offsite-state.ts'

/** What the agent keeps between runs; the server reports a part of it. */
export interface Memory extends OffsiteState {
  /** Of the last backup. */
  sha256?: string
  /** Which files the last run saw. */
  files?: string
  /** The day of the last daily backup. */
  dailyOn?: string
  /** When the last drill began. */
  drillTriedAt?: string
}

export function readMemory(file: string): Memory {
  return readJson<Memory>(file) ?? {}
}

/** The server, which runs as another user, may read it. */
export function writeMemory(file: string, memory: Memory) {
  writeFileDurably(file, `${JSON.stringify(memory)}\n`, 0o644)
}

const hourMs = 3_600_000
// The timer may be early by some seconds.
const toleranceMs = 30_000

export function isBackupDue({ backedUpTo }: Memory, now: Date, everyMinutes: number): boolean {
  return msSince(backedUpTo, now) >= everyMinutes * 60_000 - toleranceMs
}

/** Once a night, from 3:00 UTC; at once on a new instance; every hour while it fails. */
export function isDrillDue({ backup, drill, drillTriedAt }: Memory, now: Date): boolean {
  if (backup === undefined || msSince(drillTriedAt, now) < hourMs) return false
  const lastNight = new Date(now.getTime() - 3 * hourMs).setUTCHours(3, 0, 0, 0)
  return drill === undefined || Date.parse(drill.at) < lastNight
}

/** Infinite without a time, or one in the future: then the clock was wrong. */
function msSince(time: string | undefined, now: Date): number {
  const ms = now.getTime() - Date.parse(time ?? '')
  return ms >= -60_000 ? ms : Infinity
}
