import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { checkBackup } from '../../server/database/backup.ts'
import { inspect } from '../../server/database/connect.ts'
import { countRows, inWords } from '../../server/database/tables.ts'

/**
 * Checks a backup from end to end, and returns what is in it, such as "3 movies".
 * @throws {Error} unless it is a complete, undamaged backup of this service
 */
export function backupText(path: string): string {
  checkBackup(path)
  return inspect(path, (database) => inWords(countRows(database)))
}

export async function sha256Of(path: string): Promise<string> {
  const digest = createHash('sha256')
  await pipeline(createReadStream(path), digest)
  return digest.digest('hex')
}
