import { json } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { S3 } from '../aws/s3.ts'
import { listBackups, readRecord } from './bucket.ts'
import { Digest } from './digest.ts'
import { decompress } from './pack.ts'
import { type BackupRecord, type Contents, differenceFrom } from './record.ts'
import { run, type Server } from './server.ts'

/**
 * Restores the newest backup of the bucket into a scratch file, and compares what is in it with its
 * record. Returns its name.
 * @throws {Error} if it could not be restored
 */
export async function drill(s3: S3, server: Server): Promise<string> {
  const [newest] = await listBackups(s3)
  if (newest === undefined) throw new Error('The bucket has no backup')
  const { name, archive } = newest
  try {
    const record = await readRecord(s3, newest)
    const found = await restoreToScratch(s3, archive, record, server)
    const difference = differenceFrom(record, found)
    if (difference) throw new Error(difference)
  } catch (error) {
    throw new Error(`${name} cannot be restored: ${(error as Error).message}`, { cause: error })
  }
  console.log(`Restored ${name} to a scratch file, and everything is in it`)
  return name
}

async function restoreToScratch(
  s3: S3,
  key: string,
  { bytes, archive }: BackupRecord,
  server: Server,
): Promise<Contents> {
  const content = await s3.get(key)
  const { input, output, end } = run(server, ['check', String(bytes)])
  const answer = json(output).catch(() => undefined)
  const packed = new Digest(archive.bytes)
  try {
    await pipeline(content, packed, decompress(), new Digest(bytes), input)
  } catch (error) {
    input.destroy()
    // A server that ends early says why.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') await end()
    throw error
  }
  if (packed.sha256() !== archive.sha256) throw new Error('its archive is cut or another one')
  await end()
  return (await answer) as Contents
}
