import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { backup } from './backup.ts'
import { databasePath, inspect } from './connect.ts'
import { isBusy } from './lock.ts'

const pattern = /^onebox-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/
const lockWaitMs = 60_000
const marginBytes = 64 * 2 ** 20
// Several backups within one second are dated ahead of the clock.
const toleranceMs = 60_000

/** Adds a backup to the data folder, removes the oldest beyond `kept`, and returns its path. */
export function keepBackup(dataDir: string, kept: number): string {
  return withBackups(dataDir, (folder) => {
    assertRoom(folder, databaseBytes(databasePath(dataDir)))
    const path = addBackup(dataDir, folder)
    const others = namesIn(folder).filter((name) => join(folder, name) !== path)
    for (const name of others.slice(0, Math.max(0, others.length + 1 - kept))) {
      rmSync(join(folder, name))
    }
    return path
  })
}

/**
 * Runs `work` on the folder of backups, one process at a time. A killed process loses its lock, so
 * any draft found here is a leftover.
 * @throws {Error} when there is no database to back up, or another process takes too long
 */
export function withBackups<Result>(dataDir: string, work: (folder: string) => Result): Result {
  inspect(databasePath(dataDir), () => {})
  const folder = join(dataDir, 'backups')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = takeLock(folder)
  try {
    removeDrafts(folder)
    return work(folder)
  } finally {
    removeDrafts(folder)
    lock.close()
  }
}

function takeLock(folder: string): SQLite.Database {
  try {
    const lock = new SQLite(join(folder, '.lock'), { timeout: lockWaitMs })
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    if (!isBusy(error)) throw new Error(`${folder} cannot be used: ${(error as Error).message}`)
    throw new Error(`Another backup or restore is running in ${folder}: try again when it is done`)
  }
}

function removeDrafts(folder: string) {
  for (const name of readdirSync(folder)) {
    if (name.includes('.draft')) rmSync(join(folder, name), { recursive: true })
  }
}

/** @throws {Error} naming the space that is free and needed */
export function assertRoom(folder: string, bytes: number) {
  const { bavail, bsize } = statfsSync(folder)
  const neededBytes = bytes * 1.1 + marginBytes
  if (bavail * bsize >= neededBytes) return
  throw new Error(
    `${folder} has ${megabytes(bavail * bsize)} free and this needs ${megabytes(neededBytes)}: free some space or enlarge the volume`,
  )
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`
}

/** The current size, including what is still in the write-ahead log. */
export function databaseBytes(path: string): number {
  return inspect(path, (database) => {
    const pages = database.pragma('page_count', { simple: true }) as number
    return pages * (database.pragma('page_size', { simple: true }) as number)
  })
}

/** Backs up the database as it is now; returns the path. */
export function addBackup(dataDir: string, folder: string): string {
  let at = Date.now()
  while (existsSync(join(folder, nameOf(at)))) at += 1000
  const path = join(folder, nameOf(at))
  backup(databasePath(dataDir), path)
  return path
}

/** Such as `onebox-20261121T093000Z.db`, so that names sort by time. */
function nameOf(at: number): string {
  return `onebox-${new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')}.db`
}

/** From oldest to newest. Backups dated in the future come first: the clock was wrong then. */
function namesIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => pattern.test(name))
  const [past = [], future = []] = [false, true].map((ahead) =>
    names.filter((name) => isFromFuture(name) === ahead).sort(),
  )
  return [...future, ...past]
}

function isFromFuture(name: string): boolean {
  return timeOf(name) > Date.now() + toleranceMs
}

function timeOf(name: string): number {
  return Date.parse(name.replace(pattern, '$1-$2-$3T$4:$5:$6Z'))
}

/**
 * The time of the last backup, in seconds since the Unix epoch, and its size; 0 without one.
 * A backup dated in the future does not count, as it would hide that no new ones are made.
 */
export function lastBackup(dataDir: string): { timestampSeconds: number; bytes: number } {
  const folder = join(dataDir, 'backups')
  try {
    const name = namesIn(folder).at(-1) as string
    if (isFromFuture(name)) return { timestampSeconds: 0, bytes: 0 }
    return { timestampSeconds: timeOf(name) / 1000, bytes: statSync(join(folder, name)).size }
  } catch {
    return { timestampSeconds: 0, bytes: 0 }
  }
}
