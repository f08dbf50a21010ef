// A checked copy of all data on this machine: `npm run backup`.
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { compose } from 'node:stream'
import { describeBackup, sha256Of } from '../instance/backup-file.ts'
import { quoteShell, runRemote, type Server } from '../instance/remote.ts'
import { createMeter } from '../instance/transfer.ts'
import { requireOutputs } from '../stack/outputs.ts'
import { selectStack } from '../stack/pulumi.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'
import { whole } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'

const help = `npm run backup -- [FILE|FOLDER] [options]

Has the instance make a backup while it serves, fetches it over SSH, and checks it here from end to
end. Only what passes becomes a file, by default in backups/.

  --stack NAME   (default dev)
  --help         this text`

if (import.meta.main) await runCommand(main)

async function main() {
  const { values, positionals } = parseArguments('backup', help, {
    allowPositionals: true,
    options: {
      stack: { type: 'string', default: 'dev' },
    },
  })
  if (positionals.length > 1) throw new Error(`Name one file, got ${positionals.length}`)
  const outputs = await requireOutputs(await selectStack(values.stack))
  await backUp(outputs, values.stack, positionals[0])
}

/** @throws {Error} where no sound backup came of it; no file is left behind then */
export async function backUp(server: Server, stack: string, wanted = 'backups/') {
  if (wanted.endsWith('/')) mkdirSync(wanted, { recursive: true })
  if (!isFolder(wanted)) assertFree(wanted)
  step('Making a backup on the instance')
  const remote = await makeBackup(server)
  const file = isFolder(wanted) ? join(wanted, `${stack}-${basename(remote.path)}`) : wanted
  assertFree(file)
  const draft = `${file}.part`
  process.once('SIGINT', () => {})
  try {
    step(`Fetching it, ${whole(remote.bytes / 1000)} kB`)
    await fetchBackup(server, remote, draft)
    step('Checking it')
    const content = describeBackup(draft)
    renameSync(draft, file)
    step(
      `Saved ${resolve(file)}\n  ${content}\n  ${whole(remote.bytes)} bytes, SHA-256 ${remote.sha256}`,
    )
  } finally {
    rmSync(draft, { force: true })
  }
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory()
}

function assertFree(file: string) {
  if (existsSync(file)) throw new Error(`${file} exists already: name another file`)
}

interface RemoteBackup {
  path: string
  bytes: number
  sha256: string
}

async function makeBackup(server: Server): Promise<RemoteBackup> {
  const script = [
    'path=$(sudo onebox backup)',
    'sudo stat --printf="%s\\n" "$path"',
    'sudo sha256sum "$path"',
  ].join(' && ')
  const printed = await runRemote(server, script)
  const [bytes, sha256 = '', path = ''] = printed.trim().split(/\s+/)
  if (path !== '') return { path, bytes: Number(bytes), sha256 }
  throw new Error(`The instance names no backup, but says ${JSON.stringify(printed)}: npm run logs`)
}

/** @throws {Error} where another file has come than the instance has */
async function fetchBackup(server: Server, { path, bytes, sha256 }: RemoteBackup, draft: string) {
  const output = compose(createMeter(bytes), createWriteStream(draft, { mode: 0o600, flags: 'wx' }))
  await runRemote(server, `sudo cat ${quoteShell(path)}`, { output })
  if (statSync(draft).size === bytes && (await sha256Of(draft)) === sha256) return
  throw new Error('The backup did not arrive whole: try again')
}
