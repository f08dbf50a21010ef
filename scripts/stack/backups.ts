import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { checkBackup } from '../../server/database/backup.ts'
import { contentsOf } from '../../server/database/portable.ts'
import { Digest } from '../../server/offsite/digest.ts'
import { decompress } from '../../server/offsite/pack.ts'
import {
  type BackupRecord,
  differenceFrom,
  parseRecord,
  recordLimitBytes,
} from '../../server/offsite/record.ts'
import { UsageError } from '../terminal/command.ts'
import { minute } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'
import { openObject } from './aws/buckets.ts'
import type { Place } from './aws/call.ts'
import {
  findBackupBuckets,
  listStored,
  newestFirst,
  type StoredBackup,
} from './aws/stored-backups.ts'
import { project } from './settings.ts'

/**
 * The backups of a stack, newest first, from all its buckets; one that is in two is taken from the
 * first. A bucket that does not answer, as when its region is lost, is left out and named.
 */
export async function findBackups(place: Place, stack: string): Promise<StoredBackup[]> {
  const found = new Map<string, StoredBackup>()
  for (const bucket of await findBackupBuckets(place, { project, stack })) {
    try {
      for (const backup of await listStored(place, bucket)) {
        const known = found.get(backup.archiveKey)
        if (!known?.recordKey) found.set(backup.archiveKey, backup)
      }
    } catch (error) {
      step(`No backups from ${bucket.name} in ${bucket.region}: ${(error as Error).message}`)
    }
  }
  return [...found.values()].sort(newestFirst)
}

export interface Wish {
  /** One that is listed. */
  name?: string | undefined
  /** Only what was stored before this time. */
  before?: string | undefined
}

/** The backups that fit a wish and count, newest first. @throws {Error} if there are none */
export function chooseBackups(backups: StoredBackup[], { name, before }: Wish): StoredBackup[] {
  const limit = before === undefined ? new Date(8.64e15) : parseTime(before)
  const counting = backups.filter(({ recordKey }) => recordKey !== undefined)
  const at = name === undefined ? 0 : counting.findIndex((each) => each.name === name)
  const fitting = at < 0 ? [] : counting.slice(at).filter(({ storedAt }) => storedAt <= limit)
  if (fitting.length > 0) return fitting
  const which = name ?? (before === undefined ? 'backup' : `backup from before ${before}`)
  throw new Error(`The bucket has no ${which} that was read back: npx onebox backups lists them`)
}

/** `latest`, or the name of one. */
export function wishFor(text: string): Wish {
  if (text === 'latest') return {}
  if (isBackupName(text)) return { name: text }
  const cure = 'use latest, a name that npx onebox backups lists, or the id of a snapshot'
  throw new UsageError(`"${text}" cannot be restored: ${cure}`)
}

export function isBackupName(text: string): boolean {
  return /^onebox-\d{8}T\d{6}Z$/.test(text)
}

/** In the time zone of this machine, unless it names one. */
function parseTime(text: string): Date {
  const time = new Date(text)
  if (/^\d{4}-\d\d-\d\d/.test(text) && Number.isFinite(time.getTime())) return time
  throw new UsageError(`"${text}" is not a time: use 2026-11-28T09:00, or add Z for UTC`)
}

export interface Fetched {
  record: BackupRecord
  /** The checked database. */
  file: string
  /** The compressed one, as in the bucket. */
  archive: string
}

/**
 * Downloads the first of the backups that is whole, and calls `use` with it. Each that is not is
 * named, and the one before it is tried, unless only that one was asked for.
 */
export async function withFetched<Result>(
  place: Place,
  backups: StoredBackup[],
  use: (fetched: Fetched) => Promise<Result>,
  { isExact = false } = {},
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'onebox-restore-'))
  try {
    return await use(await fetchWhole(place, backups, folder, isExact))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fetchWhole(
  place: Place,
  backups: StoredBackup[],
  folder: string,
  isExact: boolean,
): Promise<Fetched> {
  for (const [at, backup] of backups.entries()) {
    const { name, storedAt } = backup
    step(`Fetching ${name}, stored at ${minute(storedAt.toISOString())}`)
    try {
      return await fetchBackup(place, backup, folder)
    } catch (error) {
      const reason = `${name} cannot be restored: ${(error as Error).message}`
      const previous = backups[at + 1]
      if (isExact || !previous) {
        throw new Error(previous ? `${reason}. The one before is ${previous.name}` : reason)
      }
      step(`${reason}. Taking the one before`)
    }
  }
  throw new Error('There is no backup')
}

/** @throws {Error} unless it is exactly what its record says */
async function fetchBackup(place: Place, backup: StoredBackup, folder: string): Promise<Fetched> {
  const record = await readRecord(place, backup)
  const [file, archive] = [join(folder, `${backup.name}.db`), join(folder, 'archive')]
  const packed = new Digest(record.archive.bytes)
  const content = await openObject(place, backup.bucket, backup.archiveKey)
  const mode = 0o600
  await pipeline(content, packed, createWriteStream(archive, { mode }))
  if (packed.sha256() !== record.archive.sha256)
    throw new Error('its archive is cut or another one')
  const target = createWriteStream(file, { mode })
  await pipeline(createReadStream(archive), decompress(), new Digest(record.bytes), target)
  checkBackup(file)
  const difference = differenceFrom(record, contentsOf(file))
  if (difference) throw new Error(difference)
  return { record, file, archive }
}

export async function readRecord(
  place: Place,
  { bucket, name, recordKey = '' }: StoredBackup,
): Promise<BackupRecord> {
  const content = await openObject(place, bucket, recordKey)
  return parseRecord(await text(content.pipe(new Digest(recordLimitBytes))), name)
}
