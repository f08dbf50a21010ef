import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import SQLite from 'better-sqlite3'
import { contentsOf } from '../../server/database/portable.ts'
import { prepareDatabase } from '../../server/database/prepare.ts'
import type { FakeAws } from './aws-api.ts'
import { makeDataDir } from './server.ts'

/** Adds a bucket that is not of a stack in Pulumi's state. */
export function addBucket(aws: FakeAws, name: string, region: string) {
  const type = 'aws:s3/bucket:Bucket'
  const inputs = { bucket: name, region }
  const at = new Date()
  aws.resources.set(`${type} ${name}`, { type, name, id: name, inputs, outputs: {}, at })
}

interface NewBackup {
  bucket: string
  kind: string
  /** Of the day, at which it was made. */
  hour: number
  /** The saved string. */
  text: string
  isRead?: boolean
}

/** Adds a backup as the instance does, and returns its name. */
export function addBackup(aws: FakeAws, { bucket, kind, hour, text, isRead = true }: NewBackup) {
  const file = makeDatabase(text)
  const name = `onebox-20261128T${String(hour).padStart(2, '0')}0000Z`
  const at = new Date(Date.UTC(2026, 10, 28, hour, 0, 30))
  const archive = zstdCompressSync(readFileSync(file))
  const sha256 = createHash('sha256').update(archive).digest('hex')
  const record = {
    name,
    startedAt: at.toISOString(),
    readBackAt: at.toISOString(),
    sequence: hour,
    release: 'r',
    ...contentsOf(file),
    archive: { bytes: archive.length, sha256 },
  }
  store('db.zst', archive)
  if (isRead) store('json', Buffer.from(JSON.stringify(record)))
  return name

  function store(ending: string, content: Buffer) {
    const key = `${bucket}/${kind}/${name}.${ending}`
    aws.objects.set(key, { at, bytes: content.length, content })
  }
}

function makeDatabase(text: string): string {
  const dataDir = makeDataDir()
  prepareDatabase(dataDir)
  const file = join(dataDir, 'onebox.db')
  const database = new SQLite(file)
  database.pragma('journal_mode = DELETE')
  database.prepare('UPDATE saved_string SET value = ?').run(text)
  database.close()
  return file
}
