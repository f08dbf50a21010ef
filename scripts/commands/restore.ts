import { backupText } from '../instance/backup-file.ts'
import { chooseBackups, findBackups, isBackupName, withFetched } from '../stack/backups.ts'
import { requireStack } from '../stack/outputs.ts'
import { sendToStack } from '../stack/send-backup.ts'
import { placeOf, readSettings } from '../stack/settings.ts'
import { defineCommand, UsageError } from '../terminal/command.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { stack, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: '[FILE|NAME]',
  about: `Replaces the data on the instance by a backup, while it serves: FILE of this machine, one that
npx onebox backups lists, or with --latest or --before the newest that fits. It is checked here
first, and one that is damaged is never restored. The instance backs up its current data before
anything changes. With several machines, it writes to the tables with your AWS credentials while
other writes wait; the data from before is only among the restore points of DynamoDB.`,
  options: {
    latest: { type: 'boolean', help: 'restore the newest backup in the bucket' },
    before: {
      type: 'string',
      value: 'TIME',
      help: 'the newest from before a time, such as 2026-11-28T09:00',
    },
    from: { type: 'string', value: 'STACK', help: 'another stack whose backups to take' },
    overwrite: { type: 'boolean', help: 'also replace data that the backup lacks or that differs' },
    stack,
    yes,
  },
  async run(options, [name]) {
    const { latest, before, from = options.stack } = options
    const wishes = [name !== undefined, latest, before !== undefined].filter(Boolean)
    if (wishes.length !== 1) {
      throw new UsageError('Which backup? Name one, or use --latest or --before TIME')
    }
    const file = name !== undefined && !isBackupName(name) ? name : undefined
    if (file !== undefined) return restoreFile(file, file, options)
    const { stack } = await requireStack(options.stack)
    const place = placeOf(await readSettings(stack))
    const backups = chooseBackups(await findBackups(place, from), { name, before })
    const isExact = name !== undefined
    await withFetched(
      place,
      backups,
      ({ file, record }) => restoreFile(file, record.name, options),
      { isExact },
    )
  },
})

interface Options {
  overwrite: boolean
  stack: string
  yes: boolean
}

async function restoreFile(file: string, name: string, options: Options) {
  step(`Checking ${name}`)
  const content = backupText(file)
  const site = await requireStack(options.stack)
  await assertConfirmed(`Restore ${content} to ${site.outputs.url}?`, options)
  console.log(await sendToStack(site, { file, name }, options.overwrite))
}
