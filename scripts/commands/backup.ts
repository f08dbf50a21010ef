import { fetchBackup } from '../instance/backup.ts'
import { requireStack } from '../stack/outputs.ts'
import { defineCommand } from '../terminal/command.ts'
import { stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '[FILE|FOLDER]',
  about: `Backs up the data on the instance while it serves, fetches the copy over SSH and checks it here.
Saves it in backups/, or as FILE or in FOLDER, if the check passes.`,
  options: { stack },
  async run({ stack }, [place]) {
    const { outputs } = await requireStack(stack)
    await fetchBackup(outputs, stack, place)
  },
})
