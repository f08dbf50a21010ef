// Puts a backup back: `npm run restore -- FILE`.
import { createReadStream, statSync } from 'node:fs'
import { compose } from 'node:stream'
import { describeBackup, sha256Of } from '../instance/backup-file.ts'
import { runRemote, type Server } from '../instance/remote.ts'
import { createMeter } from '../instance/transfer.ts'
import { requireOutputs } from '../stack/outputs.ts'
import { selectStack } from '../stack/pulumi.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { runCommand } from '../terminal/fail.ts'
import { step } from '../terminal/step.ts'

const help = `npm run restore -- FILE [options]

Gives the database on the instance the content of a backup, while it serves. The file is checked
here first; what the instance had before is kept there in a backup of its own.

  --overwrite    also where that takes away or changes data which the file does not have
  --stack NAME   (default dev)
  --yes          asks nothing
  --help         this text`

await runCommand(main)

async function main() {
  const { values, positionals } = parseArguments('restore', help, {
    allowPositionals: true,
    options: {
      overwrite: { type: 'boolean', default: false },
      stack: { type: 'string', default: 'dev' },
      yes: { type: 'boolean', default: false },
    },
  })
  const [file, ...rest] = positionals
  if (file === undefined || rest.length > 0) {
    throw new Error('Name one backup: npm run restore -- FILE')
  }
  step(`Checking ${file}`)
  const content = describeBackup(file)
  const outputs = await requireOutputs(await selectStack(values.stack))
  await assertConfirmed(`Give ${outputs.url} ${content}?`, values)
  step('Sending it to the instance, which checks it and takes it over')
  console.log(await putBack(outputs, file, values.overwrite))
}

/**
 * One command over there takes the file, checks it, restores it and removes it again, even where
 * this machine is gone meanwhile: it then sees a file that is cut short.
 */
async function putBack(server: Server, file: string, overwrite: boolean): Promise<string> {
  const script = `set -eu
file=$(sudo -u onebox mktemp /data/restore-XXXXXX)
trap 'sudo rm -f "$file"' EXIT
trap 'exit 1' HUP INT TERM PIPE
sudo -u onebox tee "$file" >/dev/null
echo "${await sha256Of(file)}  $file" | sudo sha256sum --check --status ||
  { echo 'The file did not arrive whole: try again' >&2; exit 1; }
sudo onebox restore "$file"${overwrite ? ' --overwrite' : ''}`
  const input = compose(createReadStream(file), createMeter(statSync(file).size))
  // Ctrl-C ends ssh, and thereby the command over there.
  process.once('SIGINT', () => {})
  try {
    return nameAsHere(await runRemote(server, script, { input }), file)
  } catch (error) {
    throw new Error(nameAsHere((error as Error).message, file), { cause: error })
  }
}

/** What it is called over there tells nobody anything. */
function nameAsHere(text: string, file: string): string {
  return text.trim().replace(/\S*\/restore-\w{6}\b/g, file)
}
