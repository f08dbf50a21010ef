import { checkBackup } from '../../server/database/backup.ts'
import { inspect } from '../../server/database/connect.ts'
import { countRows, inWords } from '../../server/database/tables.ts'

/**
 * Checks a backup from end to end, and returns what is in it, such as "3 movies".
 * @throws {Error} unless it is a complete, undamaged backup of this service
 */
export function backupText(path: string): string {
  checkBackup(path)
  return contentText(path)
}

/** The same of one that has been checked. */
export function contentText(path: string): string {
  return inspect(path, (database) => inWords(countRows(database)))
}
