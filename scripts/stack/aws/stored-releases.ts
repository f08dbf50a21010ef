import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import { call, collect, type Place } from './call.ts'

export interface StoredRelease {
  id: string
  uploadedAt: string
  bytes: number
}

/** The releases in a stack's bucket, newest first. */
export async function listReleases(place: Place, bucket: string): Promise<StoredRelease[]> {
  const client = new S3Client(place)
  const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: 'releases/' })
  const objects = (await call(collect(pages))).flatMap(({ Contents = [] }) => Contents)
  return objects
    .map(({ Key = '', LastModified, Size = 0 }) => ({
      id: /^releases\/([\da-f]{64})\.tar\.zst$/.exec(Key)?.[1] ?? '',
      uploadedAt: LastModified?.toISOString() ?? '',
      bytes: Size,
    }))
    .filter(({ id }) => id !== '')
    .sort((a, b) => b.uploadedAt.localeCompare(a.uploadedAt))
}
