import { hash } from 'node:crypto'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { S3 } from '../aws/s3.ts'
import { Digest } from './digest.ts'
import {
  type BackupRecord,
  type Kind,
  kinds,
  parseKey,
  parseRecord,
  recordKey,
  recordLimitBytes,
} from './record.ts'

interface Stored {
  name: string
  key: string
  archive: string
  /** By S3's clock, which nobody on the instance can turn. */
  storedAt: Date
}

/** The backups that count, newest first. */
export async function listBackups(s3: S3): Promise<Stored[]> {
  const objects = (await Promise.all(kinds.map((kind) => s3.list(`${kind}/`)))).flat()
  return objects
    .flatMap(({ key, storedAt }) => {
      const parts = parseKey(key)
      return parts?.isRecord ? [{ ...parts, key, storedAt }] : []
    })
    .sort((a, b) => b.storedAt.getTime() - a.storedAt.getTime() || b.name.localeCompare(a.name))
}

export async function readRecord(s3: S3, { key, name }: Stored): Promise<BackupRecord> {
  return parseRecord(await s3.getText(key, recordLimitBytes), name)
}

export async function addRecord(s3: S3, kind: Kind, record: BackupRecord) {
  const content = Buffer.from(`${JSON.stringify(record, null, 2)}\n`)
  const { length: bytes } = content
  await s3.add(recordKey(kind, record.name), { content, bytes, sha256: hash('sha256', content) })
}

/** @throws {Error} if the bucket has other bytes under the key */
export async function readBack(s3: S3, key: string, sha256: string) {
  const digest = new Digest()
  await pipeline(await s3.get(key), digest, nowhere())
  if (digest.sha256() !== sha256) throw new Error(`${key} was stored, but reads back differently`)
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}
