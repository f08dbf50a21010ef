import type { Readable } from 'node:stream'
import {
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { call, type Place } from './call.ts'

export interface Bucket {
  name: string
  region: string
}

/** The buckets of the account whose names start with `prefix`, in any region. */
export async function findBuckets(place: Place, prefix: string): Promise<Bucket[]> {
  const answer = await call(clientOf(place, place).send(new ListBucketsCommand({ Prefix: prefix })))
  return (answer.Buckets ?? []).map(({ Name: name = '', BucketRegion: region = place.region }) => {
    return { name, region }
  })
}

/** The content of an object, as a stream. */
export async function openObject(place: Place, bucket: Bucket, key: string): Promise<Readable> {
  const command = new GetObjectCommand({ Bucket: bucket.name, Key: key })
  const { Body } = await call(clientOf(place, bucket).send(command))
  return Body as Readable
}

/** Undefined if there is no such object, or no such bucket any more. */
export async function readText(
  place: Place,
  bucket: Bucket,
  key: string,
): Promise<string | undefined> {
  const command = new GetObjectCommand({ Bucket: bucket.name, Key: key })
  const answer = clientOf(place, bucket)
    .send(command)
    .catch((error: Error) => {
      if (error.name === 'NoSuchKey' || error.name === 'NoSuchBucket') return undefined
      throw error
    })
  return (await call(answer))?.Body?.transformToString()
}

export async function writeText(place: Place, bucket: Bucket, key: string, text: string) {
  const command = new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: text })
  await call(clientOf(place, bucket).send(command))
}

// A region that is lost may never answer.
const requestHandler = { connectionTimeout: 5000, socketTimeout: 20_000 }

export function clientOf({ profile }: Place, { region }: { region: string }): S3Client {
  return new S3Client({ region, profile, requestHandler })
}
