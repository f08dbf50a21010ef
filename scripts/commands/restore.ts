import { createReadStream, statSync } from 'node:fs'
import { compose } from 'node:stream'
import { backupText, sha256Of } from '../instance/backup-file.ts'
import { type Instance, runRemote } from '../instance/ssh.ts'
import { createMeter } from '../instance/transfer.ts'
import { requireStack } from '../stack/outputs.ts'
import { defineCommand } from '../terminal/command.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { stack, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: 'FILE',
  about: `Replaces the data on the instance by a backup, while it serves. FILE is checked here first, and the
instance backs up its current data before anything changes.`,
  options: {
    overwrite: { type: 'boolean', help: 'also replace data that FILE lacks or that differs' },
    stack,
    yes,
  },
  async run(options, [file = '']) {
    step(`Checking ${file}`)
    const content = backupText(file)
    const { outputs } = await requireStack(options.stack)
    await assertConfirmed(`Restore ${content} to ${outputs.url}?`, options)
    step('Sending it to the instance')
    console.log(await sendBack(outputs, file, options.overwrite))
  },
})

/**
 * One remote command receives the file, checks it, restores it and removes it. If the connection is
 * lost on the way, the file is incomplete and fails the check.
 */
async function sendBack(instance: Instance, file: string, overwrite: boolean): Promise<string> {
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
    return withLocalName(await runRemote(instance, script, { input }), file)
  } catch (error) {
    throw new Error(withLocalName((error as Error).message, file), { cause: error })
  }
}

function withLocalName(text: string, file: string): string {
  return text.trim().replace(/\S*\/restore-\w{6}\b/g, file)
}
