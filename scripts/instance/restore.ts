import { createReadStream, statSync } from 'node:fs'
import { compose } from 'node:stream'
import { sha256Of } from '../../server/files.ts'
import { type Instance, runRemote } from './ssh.ts'
import { createMeter } from './transfer.ts'

export interface Sent {
  file: string
  /** What messages call it. */
  name: string
}

/** Restores a file of this machine on the instance. */
export function sendBackup(instance: Instance, sent: Sent, overwrite: boolean): Promise<string> {
  return runWithFile(
    instance,
    sent,
    `sudo onebox restore "$file"${overwrite ? ' --overwrite' : ''}`,
  )
}

/**
 * One remote command receives the file, checks it, runs `command` on "$file" and removes it. If the
 * connection is lost on the way, the file is incomplete and fails the check.
 */
export async function runWithFile(
  instance: Instance,
  { file, name }: Sent,
  command: string,
): Promise<string> {
  const script = `set -eu
file=$(sudo -u onebox mktemp /data/restore-XXXXXX)
trap 'sudo rm -f "$file"' EXIT
trap 'exit 1' HUP INT TERM PIPE
sudo -u onebox tee "$file" >/dev/null
echo "${sha256Of(file)}  $file" | sudo sha256sum --check --status ||
  { echo 'The file did not arrive complete: try again' >&2; exit 1; }
${command}`
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
