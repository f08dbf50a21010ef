import { createReadStream, statSync } from 'node:fs'
import { compose } from 'node:stream'
import { backupText, sha256Of } from '../instance/backup-file.ts'
import { type Instance, runRemote } from '../instance/ssh.ts'
import { createMeter } from '../instance/transfer.ts'
import { chooseBackups, findBackups, withFetched } from '../stack/backups.ts'
import { requireStack } from '../stack/outputs.ts'
import { placeOf, readSettings } from '../stack/settings.ts'
import { defineCommand, UsageError } from '../terminal/command.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { stack, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: '[FILE|NAME]',
  about: `Replaces the data on the instance by a backup, while it serves: FILE of this machine, one that
npx onebox backups lists, or with --latest or --before the newest that fits. It is checked here first, and
one that is damaged is never restored. The instance backs up its current data before anything changes.`,
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
    const file = name !== undefined && !/^onebox-\d{8}T\d{6}Z$/.test(name) ? name : undefined
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
  const { outputs } = await requireStack(options.stack)
  await assertConfirmed(`Restore ${content} to ${outputs.url}?`, options)
  step('Sending it to the instance')
  console.log(await sendBack(outputs, { file, name }, options.overwrite))
}

/**
 * One remote command receives the file, checks it, restores it and removes it. If the connection is
 * lost on the way, the file is incomplete and fails the check.
 */
async function sendBack(
  instance: Instance,
  { file, name }: { file: string; name: string },
  overwrite: boolean,
): Promise<string> {
  const script = `set -eu
file=$(sudo -u onebox mktemp /data/restore-XXXXXX)
trap 'sudo rm -f "$file"' EXIT
trap 'exit 1' HUP INT TERM PIPE
sudo -u onebox tee "$file" >/dev/null
echo "${await sha256Of(file)}  $file" | sudo sha256sum --check --status ||
  { echo 'The file did not arrive complete: try again' >&2; exit 1; }
sudo onebox restore "$file"${overwrite ? ' --overwrite' : ''}`
  const input = compose(createReadStream(file), createMeter(statSync(file).size))
  // Ctrl-C ends ssh, which ends the remote command.
  process.once('SIGINT', () => {})
  try {
    return withLocalName(await runRemote(instance, script, { input }), name)
  } catch (error) {
    throw new Error(withLocalName((error as Error).message, name), { cause: error })
  }
}

function withLocalName(text: string, name: string): string {
  return text.trim().replace(/\S*\/restore-\w{6}\b/g, name)
}
