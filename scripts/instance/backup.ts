import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { compose } from 'node:stream'
import { sha256Of } from '../../server/files.ts'
import { whole } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'
import { backupText } from './backup-file.ts'
import { quoteShell } from './quote-shell.ts'
import { type Instance, runRemote } from './ssh.ts'
import { createMeter } from './transfer.ts'

/**
 * Makes a backup on the instance and fetches it to a file or folder of this machine.
 * @throws {Error} if it fails its check; no file is left behind then
 */
export async function fetchBackup(instance: Instance, stack: string, wanted = 'backups/') {
  if (wanted.endsWith('/')) mkdirSync(wanted, { recursive: true })
  if (!isFolder(wanted)) assertFree(wanted)
  step('Making a backup on the instance')
  const remote = await makeBackup(instance)
  const file = isFolder(wanted) ? join(wanted, `${stack}-${basename(remote.path)}`) : wanted
  assertFree(file)
  const draft = `${file}.part`
  process.once('SIGINT', () => {})
  try {
    step(`Fetching it, ${whole(remote.bytes / 1000)} kB`)
    await download(instance, remote, draft)
    step('Checking it')
    const content = backupText(draft)
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
  if (existsSync(file)) throw new Error(`${file} already exists: name another file`)
}

interface RemoteBackup {
  path: string
  bytes: number
  sha256: string
}

async function makeBackup(instance: Instance): Promise<RemoteBackup> {
  const script = [
    'path=$(sudo onebox backup)',
    'sudo stat --printf="%s\\n" "$path"',
    'sudo sha256sum "$path"',
  ].join(' && ')
  const printed = await runRemote(instance, script)
  const [bytes, sha256 = '', path = ''] = printed.trim().split(/\s+/)
  if (path !== '') return { path, bytes: Number(bytes), sha256 }
  throw new Error(
    `The instance named no backup but printed ${JSON.stringify(printed)}: see npx onebox logs`,
  )
}

async function download(instance: Instance, { path, bytes, sha256 }: RemoteBackup, draft: string) {
  const output = compose(createMeter(bytes), createWriteStream(draft, { mode: 0o600, flags: 'wx' }))
  await runRemote(instance, `sudo cat ${quoteShell(path)}`, { output })
  if (statSync(draft).size === bytes && sha256Of(draft) === sha256) return
  throw new Error('The backup did not arrive complete: try again')
}
