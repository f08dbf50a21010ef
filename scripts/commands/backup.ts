import { fetchBackup } from '../instance/backup.ts'
import { requireStack } from '../stack/outputs.ts'
import { fetchTables } from '../stack/table-backup.ts'
import { withTables } from '../stack/tables.ts'
import { defineCommand } from '../terminal/command.ts'
import { stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '[FILE|FOLDER]',
  about: `Backs up the data on the instance while it serves, fetches the copy over SSH and checks it here.
Saves it in backups/, or as FILE or in FOLDER, if the check passes. With several machines, it reads
the tables with your AWS credentials: what changes meanwhile may be in the backup or not.`,
  options: { stack },
  async run({ stack }, [place]) {
    const site = await requireStack(stack)
    if (!site.outputs.tablePrefix) return fetchBackup(site.outputs, stack, place)
    await withTables(site, (tables) => fetchTables(tables, stack, place))
  },
})
