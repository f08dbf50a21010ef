import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { backup } from './backup.ts'
import { isBusy } from './lock.ts'
import { databasePath, inspect } from './open.ts'

const pattern = /^onebox-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/
const lockWaitMs = 60_000
const marginBytes = 64 * 2 ** 20
// Backups made within the same second are named ahead of the clock.
const toleranceMs = 60_000

/** Adds a backup to those in the data folder, lets go of the oldest beyond `kept`, gives its path. */
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
 * Hands the folder of backups to `work`, to one process at a time: whoever is killed loses the lock
 * by that, so any draft found here is left over.
 * @throws {Error} when there is no database to back up, or another process goes on for too long
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

/** @throws {Error} naming the room that is missing */
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

/** The size as it is now, with what is still in the write-ahead log. */
export function databaseBytes(path: string): number {
  return inspect(path, (database) => {
    const pages = database.pragma('page_count', { simple: true }) as number
    return pages * (database.pragma('page_size', { simple: true }) as number)
  })
}

/** Backs the database up as it is at this moment; gives the path. */
export function addBackup(dataDir: string, folder: string): string {
  let at = Date.now()
  while (existsSync(join(folder, nameOf(at)))) at += 1000
  const path = join(folder, nameOf(at))
  backup(databasePath(dataDir), path)
  return path
}

/** Such as `onebox-20261121T093000Z.db`, so that the order of names is that of time. */
function nameOf(at: number): string {
  return `onebox-${new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')}.db`
}

/** From the oldest to the newest. Those dated in the future come first: the clock was ahead then. */
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
 * When the last backup was made, in seconds since the Unix epoch, and its size; 0 without any.
 * One dated in the future does not count, as it would hide for as long that none is made.
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
