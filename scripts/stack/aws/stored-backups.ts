import type { Readable } from 'node:stream'
import {
  GetObjectCommand,
  ListBucketsCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import { kinds, parseKey } from '../../../server/offsite/record.ts'
import { call, collect, type Place } from './call.ts'

export interface BackupBucket {
  name: string
  region: string
  /** Whether it is a copy in a second region. */
  isCopy: boolean
}

/** A backup as a bucket lists it. */
export interface StoredBackup {
  name: string
  bucket: BackupBucket
  /** By S3's own clock, so nobody on the instance can have turned it. */
  storedAt: Date
  archiveKey: string
  /** Absent if the backup was never read back, and so does not count. */
  recordKey?: string
}

/**
 * The buckets with backups of a stack, also of one of this name that has been destroyed; copies in
 * another region come last.
 */
export async function findBackupBuckets(
  place: Place,
  { project, stack }: { project: string; stack: string },
): Promise<BackupBucket[]> {
  const Prefix = `${project}-${stack}-backups-`
  const pattern = new RegExp(`^${Prefix}(copy-)?[\\da-f]{7}$`)
  const answer = await call(new S3Client(place).send(new ListBucketsCommand({ Prefix })))
  return (answer.Buckets ?? [])
    .flatMap(({ Name: name = '', BucketRegion: region = place.region }) => {
      const found = pattern.exec(name)
      return found ? [{ name, region, isCopy: found[1] !== undefined }] : []
    })
    .sort((a, b) => Number(a.isCopy) - Number(b.isCopy))
}

/** What a bucket holds, newest first. */
export async function listStored(place: Place, bucket: BackupBucket): Promise<StoredBackup[]> {
  const client = clientOf(place, bucket)
  const pages = await Promise.all(
    kinds.map((kind) => {
      const query = { Bucket: bucket.name, Prefix: `${kind}/` }
      return call(collect(paginateListObjectsV2({ client }, query)))
    }),
  )
  const backups = new Map<string, StoredBackup>()
  for (const { Key = '', LastModified = new Date(0) } of pages.flat().flatMap(contentsOf)) {
    const parts = parseKey(Key)
    if (parts === undefined) continue
    const { base, name, isRecord, archive: archiveKey } = parts
    const known = backups.get(base) ?? { name, bucket, storedAt: LastModified, archiveKey }
    const record = isRecord ? { recordKey: Key, storedAt: LastModified } : {}
    backups.set(base, { ...known, ...record })
  }
  return [...backups.values()].sort(newestFirst)
}

function contentsOf({ Contents = [] }: { Contents?: { Key?: string; LastModified?: Date }[] }) {
  return Contents
}

export function newestFirst(a: StoredBackup, b: StoredBackup): number {
  return b.storedAt.getTime() - a.storedAt.getTime() || b.name.localeCompare(a.name)
}

/** The content of an object, as a stream. */
export async function openObject(
  place: Place,
  bucket: BackupBucket,
  key: string,
): Promise<Readable> {
  const command = new GetObjectCommand({ Bucket: bucket.name, Key: key })
  const { Body } = await call(clientOf(place, bucket).send(command))
  return Body as Readable
}

function clientOf({ profile }: Place, { region }: BackupBucket): S3Client {
  return new S3Client({ region, profile })
}
