import { statSync } from 'node:fs'
import type { S3 } from '../aws/s3.ts'
import { addRecord, listBackups, readBack, readRecord } from './bucket.ts'
import type { Memory } from './memory.ts'
import { type Archive, packDatabase } from './pack.ts'
import { archiveKey, type BackupRecord, type Kind, nameOf } from './record.ts'
import { databaseFile, type Server } from './server.ts'

interface Task {
  s3: S3
  server: Server
  memory: Memory
  release: string
  now: () => Date
}

/**
 * Adds a backup to the bucket if the data has changed, and one a day in any case, so that the last
 * one never expires. Returns what to remember.
 */
export async function backUp({ s3, server, memory, release, now }: Task): Promise<Memory> {
  const startedAt = now()
  const today = startedAt.toISOString().slice(0, 10)
  const kind: Kind = memory.dailyOn === today ? 'recent' : 'daily'
  const files = stateOfFiles(server)
  const done = { backedUpTo: startedAt.toISOString(), files }
  if (kind === 'recent' && files === memory.files) return done
  const archive = await packDatabase(server, kind === 'recent' ? memory.sha256 : '')
  if (archive === undefined) return done
  try {
    const sequence = await nextSequence(s3, memory)
    const record = await store(s3, kind, archive, { startedAt, sequence, release, now })
    const { name, bytes, sha256 } = record
    console.log(
      `Backed up ${name}: ${bytes} bytes, ${archive.bytes} compressed, number ${sequence}`,
    )
    const backup = { name, bytes, sequence }
    return { ...done, backup, sha256, ...(kind === 'daily' && { dailyOn: today }) }
  } finally {
    archive.close()
  }
}

/** Differs after every write. Heartbeats also write, so what differs may still be the same data. */
function stateOfFiles(server: Server): string {
  const path = databaseFile(server)
  return [path, `${path}-wal`]
    .map((file) => statSync(file, { bigint: true, throwIfNoEntry: false }))
    .map((stat) => (stat ? `${stat.ino} ${stat.size} ${stat.mtimeNs}` : 'none'))
    .join(', ')
}

async function nextSequence(s3: S3, { backup }: Memory): Promise<number> {
  if (backup !== undefined) return backup.sequence + 1
  const [newest] = await listBackups(s3)
  if (newest === undefined) return 1
  const record = await readRecord(s3, newest).catch(() => undefined)
  return (record?.sequence ?? 0) + 1
}

interface Circumstances {
  startedAt: Date
  sequence: number
  release: string
  now: () => Date
}

async function store(
  s3: S3,
  kind: Kind,
  { contents, read, bytes, sha256 }: Archive,
  { startedAt, sequence, release, now }: Circumstances,
): Promise<BackupRecord> {
  const name = nameOf(startedAt)
  const key = archiveKey(kind, name)
  await s3.add(key, { content: read, bytes, sha256 })
  await readBack(s3, key, sha256)
  const record = {
    name,
    startedAt: startedAt.toISOString(),
    sequence,
    release,
    ...contents,
    archive: { bytes, sha256 },
    readBackAt: now().toISOString(),
  }
  await addRecord(s3, kind, record)
  return record
}
