import { randomBytes } from 'node:crypto'
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { readJson } from '../../server/files.ts'
import { step } from '../terminal/step.ts'
import { explainPulumi, isLocked } from './explain-pulumi.ts'
import { project } from './settings.ts'

/** The folder of the Pulumi program. */
export const program = resolve(import.meta.dirname, '../../provisioning')

/** The settings of a stack, where Pulumi keeps them. */
export function settingsFile(stack: string): string {
  return join(program, `Pulumi.${stack}.yaml`)
}

type Environment = Record<string, string>

/**
 * The environment in which the CLI needs no login and asks for no passphrase. What it keeps is in
 * $HOME, where the passphrase is; by itself, the CLI takes the home that /etc/passwd has.
 */
export function backendEnvironment(stack: string, env = process.env): Environment {
  const PULUMI_HOME = env.PULUMI_HOME ?? join(homedir(), '.pulumi')
  const login =
    env.PULUMI_BACKEND_URL || (env.PULUMI_ACCESS_TOKEN ? 'https:' : currentLogin(PULUMI_HOME))
  const url = (login ?? 'file://~').replace(/^file:\/\/~/, `file://${homedir()}`)
  if (!url.startsWith('file:')) return { PULUMI_HOME }
  const backend = { PULUMI_HOME, PULUMI_BACKEND_URL: withoutAttributes(url) }
  if (hasPassphrase(env)) return backend
  return { ...backend, PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile(PULUMI_HOME, stack) }
}

function hasPassphrase(env: NodeJS.ProcessEnv): boolean {
  return (env.PULUMI_CONFIG_PASSPHRASE ?? env.PULUMI_CONFIG_PASSPHRASE_FILE) !== undefined
}

/**
 * The CLI keeps a `.attrs` beside each file, and killed at the wrong moment leaves it empty: then no
 * command can read the state. This has it write none, and removes what keeps it from reading.
 */
function withoutAttributes(url: string): string {
  const cwd = folderOf(url)
  for (const name of globSync(`{stacks,locks}/**/*.attrs`, { cwd })) {
    const file = join(cwd, name)
    if (statSync(file, { throwIfNoEntry: false })?.size === 0) rmSync(file, { force: true })
  }
  return url.includes('metadata=') ? url : `${url}${url.includes('?') ? '&' : '?'}metadata=skip`
}

function currentLogin(home: string): string | undefined {
  const file = join(process.env.PULUMI_CREDENTIALS_PATH ?? home, 'credentials.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).current : undefined
}

/**
 * Stores the passphrase that `read` gets, unless there is one. Returns the file if it has made it.
 */
export async function addPassphrase(read: () => Promise<string>): Promise<string | undefined> {
  const home = process.env.PULUMI_HOME ?? join(homedir(), '.pulumi')
  const file = passphraseIn(home)
  if (hasPassphrase(process.env) || existsSync(file)) return undefined
  storePassphrase(file, await read())
  return file
}

/** Creates a random passphrase once, but never for a stack that has another one. */
function passphraseFile(home: string, stack: string): string {
  const file = passphraseIn(home)
  if (existsSync(file)) return file
  const settings = settingsFile(stack)
  if (existsSync(settings) && /^encryptionsalt:/m.test(readFileSync(settings, 'utf8'))) {
    const cure = `set PULUMI_CONFIG_PASSPHRASE, or restore ${file}`
    throw new Error(`Stack ${stack} has a passphrase that is not on this machine: ${cure}`)
  }
  storePassphrase(file, randomBytes(24).toString('base64url'))
  return file
}

function passphraseIn(home: string): string {
  return join(home, 'onebox-passphrase')
}

function storePassphrase(file: string, passphrase: string) {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, `${passphrase}\n`, { mode: 0o600, flag: 'wx' })
}

export function printBackend({
  PULUMI_BACKEND_URL: url,
  PULUMI_CONFIG_PASSPHRASE_FILE: file,
}: Environment) {
  if (url === undefined) return
  const secrets = file ? `, its secrets under the passphrase in ${file}` : ''
  const folder = folderOf(url).replace(homedir(), '~')
  step(`Pulumi keeps its state on this machine, in ${folder}${secrets}`)
}

/** Where the passphrase is; undefined if the state is not on this machine. */
export function passphraseText(stack: string): string | undefined {
  const environment = backendEnvironment(stack)
  if (environment.PULUMI_BACKEND_URL === undefined) return undefined
  const file = environment.PULUMI_CONFIG_PASSPHRASE_FILE
  return file ? `the passphrase in ${file.replace(homedir(), '~')}` : 'its passphrase'
}

/** Whether Pulumi keeps its state here, and not in a bucket or a service. */
export function isOnThisMachine(stack: string): boolean {
  return backendEnvironment(stack).PULUMI_BACKEND_URL !== undefined
}

/** As Pulumi writes it. */
export interface Lock {
  username: string
  hostname: string
  pid: number
  timestamp: string
}

/** The locks of the stack; none if its state is not on this machine. */
export function readLocks(stack: string): Lock[] {
  const { PULUMI_BACKEND_URL: url } = backendEnvironment(stack)
  if (url === undefined) return []
  const cwd = join(folderOf(url), 'locks/organization', project, stack)
  const locks = globSync('*.json', { cwd }).map((name) => readJson<Lock>(join(cwd, name)))
  return locks.filter((lock) => lock !== undefined)
}

function folderOf(url: string): string {
  const [path = ''] = url.replace('file://', '').split('?')
  return join(path, '.pulumi')
}

/** What the CLI says, in our words and with the cure. */
export function explainFor(stack: string, error: unknown): Error {
  const { message } = error as Error
  const environment = backendEnvironment(stack)
  if (isLocked(error)) return error as Error
  if (/incorrect passphrase/.test(message)) {
    const source = environment.PULUMI_CONFIG_PASSPHRASE_FILE ?? 'PULUMI_CONFIG_PASSPHRASE'
    return new Error(`Wrong passphrase for stack ${stack}: check ${source}`, { cause: error })
  }
  if (/failed to load checkpoint/.test(message) && environment.PULUMI_BACKEND_URL) {
    return new Error(damageText(stack, environment.PULUMI_BACKEND_URL), { cause: error })
  }
  return explainPulumi(error)
}

function damageText(stack: string, url: string): string {
  const file = join(folderOf(url), 'stacks', project, `${stack}.json`)
  const isThere = existsSync(`${file}.bak`)
  const cure = isThere ? `copy ${file}.bak over it, the state before the last change` : 'restore it'
  return `The state of stack ${stack} in ${file} is damaged: ${cure}, then try again`
}
