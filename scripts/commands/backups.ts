import { span } from '../../server/status/format.ts'
import type { Place } from '../stack/aws/call.ts'
import {
  deleteWithContent,
  findBackupBuckets,
  type StoredBackup,
} from '../stack/aws/stored-backups.ts'
import { findBackups, readRecord } from '../stack/backups.ts'
import { readOutputs } from '../stack/outputs.ts'
import { findPlace } from '../stack/place.ts'
import { project } from '../stack/settings.ts'
import { findStack } from '../stack/workspace.ts'
import { defineCommand } from '../terminal/command.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { minute, whole } from '../terminal/format.ts'
import { json, region, stack, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'
import { table } from '../terminal/table.ts'

// S3 answers thousands at once, but this machine may not.
const readersAtOnce = 16

export default defineCommand({
  usage: '',
  about: `Lists the backups in the bucket, newest first: all of two days, and one a day for a month. One that
was not read back does not count, and cannot be restored.`,
  options: {
    delete: {
      type: 'string',
      value: 'BUCKET',
      help: 'delete a bucket of a destroyed stack, with all backups in it',
    },
    stack,
    region: { ...region, help: "AWS region, if not the stack's" },
    json,
    yes,
  },
  async run({ stack, region, json, yes, delete: doomed }) {
    const place = await findPlace(stack, region)
    if (doomed !== undefined) return deleteBucket(place, { stack, bucket: doomed, yes })
    const backups = await describeAll(place, await findBackups(place, stack))
    if (json) return console.log(JSON.stringify(backups, null, 2))
    if (backups.length === 0) return console.log(`Stack ${stack} has no backups in a bucket`)
    const head = ['backup', 'stored at', 'age', 'rows', 'bytes', 'read back']
    console.log(table(head, backups.map(rowOf)))
    console.log(`\nTo restore one: npx onebox restore ${backups[0]?.name} --stack ${stack}`)
  },
})

interface Listed {
  name: string
  storedAt: string
  ageSeconds: number
  bucket: string
  region: string
  isReadBack: boolean
  rows?: number
  bytes?: number
  schema?: number
  sequence?: number
  problem?: string
}

/** @throws {Error} while the stack is up, or if it has no such bucket */
async function deleteBucket(
  place: Place,
  { stack: name, bucket: doomed, yes }: { stack: string; bucket: string; yes: boolean },
) {
  const stack = await findStack(name)
  if (stack && (await readOutputs(stack)).bucket !== undefined) {
    throw new Error(`Stack ${name} is up and needs its backups: npx onebox destroy comes first`)
  }
  const buckets = await findBackupBuckets(place, { project, stack: name })
  const bucket = buckets.find((each) => each.name === doomed)
  if (!bucket) {
    const names = buckets.map((each) => each.name).join(', ') || 'none'
    throw new Error(`Stack ${name} has no bucket ${doomed}; those with its backups: ${names}`)
  }
  await assertConfirmed(`Delete ${doomed} with all backups in it for good?`, { yes })
  await deleteWithContent(place, bucket)
  step(`Deleted ${doomed}`)
}

async function describeAll(place: Place, backups: StoredBackup[]): Promise<Listed[]> {
  const listed: Listed[] = []
  for (let at = 0; at < backups.length; at += readersAtOnce) {
    const some = backups.slice(at, at + readersAtOnce)
    listed.push(...(await Promise.all(some.map((backup) => describeOne(place, backup)))))
  }
  return listed
}

async function describeOne(place: Place, backup: StoredBackup): Promise<Listed> {
  const { name, storedAt, bucket, recordKey } = backup
  const known = {
    name,
    storedAt: storedAt.toISOString(),
    ageSeconds: Math.round((Date.now() - storedAt.getTime()) / 1000),
    bucket: bucket.name,
    region: bucket.region,
    isReadBack: recordKey !== undefined,
  }
  if (recordKey === undefined) return known
  try {
    const { rows, bytes, schema, sequence } = await readRecord(place, backup)
    const count = Object.values(rows).reduce((sum, each) => sum + each, 0)
    return { ...known, rows: count, bytes, schema, sequence }
  } catch (error) {
    return { ...known, isReadBack: false, problem: (error as Error).message }
  }
}

function rowOf({ name, storedAt, ageSeconds, rows, bytes, isReadBack, problem }: Listed): string[] {
  const number = (value: number | undefined) => (value === undefined ? '?' : whole(value))
  const state = isReadBack ? 'yes' : (problem ?? 'no')
  return [name, minute(storedAt), span(ageSeconds), number(rows), number(bytes), state]
}
