import { restoreToTables } from '../../server/move/mover.ts'
import { contentText } from '../instance/backup-file.ts'
import { type Sent, sendBackup } from '../instance/restore.ts'
import { step } from '../terminal/step.ts'
import type { DeployedStack } from './outputs.ts'
import { withTables } from './tables.ts'

/**
 * Replaces the data of a stack by a checked backup, on its machine or in its tables, and returns what
 * was restored.
 */
export async function sendToStack(
  site: DeployedStack,
  sent: Sent,
  overwrite: boolean,
): Promise<string> {
  const { file, name } = sent
  if (!site.outputs.tablePrefix) {
    step(`Sending ${name} to the instance`)
    return sendBackup(site.outputs, sent, overwrite)
  }
  step(`Writing ${name} to the tables while writes wait`)
  await withTables(site, (tables) => restoreToTables({ ...tables, say: step }, file, { overwrite }))
  return `Restored ${contentText(file)} from ${name}`
}
