import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3'
import { kinds, parseKey } from '../../../server/offsite/record.ts'
import { type Bucket, clientOf, findBuckets } from './buckets.ts'
import { call, collect, type Place } from './call.ts'

export interface BackupBucket extends Bucket {
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
  const prefix = `${project}-${stack}-backups-`
  const pattern = new RegExp(`^${prefix}(copy-)?[\\da-f]{7}$`)
  return (await findBuckets(place, prefix))
    .flatMap((bucket) => {
      const found = pattern.exec(bucket.name)
      return found ? [{ ...bucket, isCopy: found[1] !== undefined }] : []
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

/** Deletes a bucket unless something is in it, and returns whether it did. */
export async function deleteIfEmpty(place: Place, bucket: BackupBucket): Promise<boolean> {
  const deleted = clientOf(place, bucket).send(new DeleteBucketCommand({ Bucket: bucket.name }))
  const isDeleted = deleted.then(
    () => true,
    (error) => {
      if (error.name === 'BucketNotEmpty') return false
      throw error
    },
  )
  return call(isDeleted)
}

/** Deletes a bucket with every version of everything in it. */
export async function deleteWithContent(place: Place, bucket: BackupBucket) {
  const client = clientOf(place, bucket)
  const Bucket = bucket.name
  for (;;) {
    const page = await call(client.send(new ListObjectVersionsCommand({ Bucket })))
    const versions = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]
    if (versions.length === 0) break
    const Objects = versions.map(({ Key, VersionId }) => ({ Key, VersionId }))
    const { Errors: [problem] = [] } = await call(
      client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } })),
    )
    if (problem) throw new Error(`AWS keeps ${problem.Key} in ${Bucket}: ${problem.Message}`)
  }
  await call(client.send(new DeleteBucketCommand({ Bucket })))
}
