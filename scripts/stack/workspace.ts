import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  LocalWorkspace,
  PulumiCommand,
  type Stack,
  StackNotFoundError,
} from '@pulumi/pulumi/automation/index.js'
import manifest from '../../package.json' with { type: 'json' }
import { confirm, isInteractive } from '../terminal/confirm.ts'
import { step } from '../terminal/step.ts'
import { explainPulumi } from './explain-pulumi.ts'

/** The folder of the Pulumi program. */
export const program = resolve(import.meta.dirname, '../../provisioning')

// The first to know the setting pulumi:autonaming, by which our Pulumi.yaml names things.
const oldestCli = '3.146.0'
const pinnedCli = manifest.devDependencies['@pulumi/pulumi']

/** @throws {Error} if there is no such stack, or no Pulumi CLI */
export async function selectStack(name: string): Promise<Stack> {
  const stack = await findStack(name)
  if (stack) return stack
  throw new Error(`There is no stack ${name}: npx onebox up --stack ${name} creates it`)
}

/** Undefined if there is no such stack. @throws {Error} without the Pulumi CLI */
export async function findStack(name: string): Promise<Stack | undefined> {
  const options = { pulumiCommand: await requireCli(), envVars: backendEnvironment(name) }
  try {
    return await LocalWorkspace.selectStack({ stackName: name, workDir: program }, options)
  } catch (error) {
    if (!(error instanceof StackNotFoundError)) throw explainPulumi(error)
    return undefined
  }
}

/** The stack of that name, created if there is none; with `installCli`, the CLI is installed too. */
export async function openStack(name: string, installCli: boolean): Promise<Stack> {
  const pulumiCommand = await ensureCli(installCli)
  const envVars = backendEnvironment(name)
  if (envVars.PULUMI_BACKEND_URL) printBackend(envVars)
  try {
    const place = { stackName: name, workDir: program }
    return await LocalWorkspace.createOrSelectStack(place, { pulumiCommand, envVars })
  } catch (error) {
    throw explainPulumi(error)
  }
}

/** @throws {Error} if there is none, and it may not be installed */
export async function ensureCli(installCli: boolean): Promise<PulumiCommand> {
  return (await findCli()) ?? installPulumi(installCli)
}

/** @throws {Error} if there is none */
export async function requireCli(): Promise<PulumiCommand> {
  const cli = await findCli()
  if (cli) return cli
  const cure =
    'npx onebox up --install-cli installs it, as does https://www.pulumi.com/docs/install'
  throw new Error(`The Pulumi CLI (${oldestCli} or later) is not installed: ${cure}`)
}

/** The CLI in PATH, or one that Pulumi's installers left in the home folder. */
async function findCli(): Promise<PulumiCommand | undefined> {
  const versions = join(homedir(), '.pulumi/versions')
  const installed = existsSync(versions) ? readdirSync(versions).sort(byVersion).reverse() : []
  const roots = [join(homedir(), '.pulumi'), ...installed.map((name) => join(versions, name))]
  for (const root of [undefined, ...roots]) {
    const cli = await PulumiCommand.get({ root }).catch(() => undefined)
    if (cli?.version && cli.version.compare(oldestCli) >= 0) return cli
  }
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

async function installPulumi(isWanted: boolean): Promise<PulumiCommand> {
  const place = join(homedir(), '.pulumi/versions', pinnedCli)
  const question = `The Pulumi CLI is not installed. Install it in ${place}?`
  const isAgreed = isWanted || (isInteractive() && (await confirm(question, { yes: false })))
  if (!isAgreed) return requireCli()
  step(`Installing the Pulumi CLI ${pinnedCli} in ${place}, which takes about a minute`)
  try {
    return await PulumiCommand.install()
  } catch (error) {
    const reason = explainPulumi(error).message
    throw new Error(
      `The Pulumi CLI cannot be installed (${reason}): try again, or see https://www.pulumi.com/docs/install`,
    )
  }
}

type Environment = Record<string, string>

/** The environment in which the CLI needs no login and asks for no passphrase. */
export function backendEnvironment(stack: string, env = process.env): Environment {
  const home = env.PULUMI_HOME ?? join(homedir(), '.pulumi')
  const login = env.PULUMI_BACKEND_URL || (env.PULUMI_ACCESS_TOKEN ? 'https:' : currentLogin(home))
  const backend: Environment = login ? {} : { PULUMI_BACKEND_URL: 'file://~' }
  const isLocal = !login || login.startsWith('file:')
  const hasPassphrase = env.PULUMI_CONFIG_PASSPHRASE ?? env.PULUMI_CONFIG_PASSPHRASE_FILE
  if (!isLocal || hasPassphrase !== undefined) return backend
  return { ...backend, PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile(home, stack) }
}

function currentLogin(home: string): string | undefined {
  const file = join(process.env.PULUMI_CREDENTIALS_PATH ?? home, 'credentials.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).current : undefined
}

/** Creates a random passphrase once, but never for a stack that has another one. */
function passphraseFile(home: string, stack: string): string {
  const file = join(home, 'onebox-passphrase')
  if (existsSync(file)) return file
  const settings = join(program, `Pulumi.${stack}.yaml`)
  if (existsSync(settings) && /^encryptionsalt:/m.test(readFileSync(settings, 'utf8'))) {
    const cure = `set PULUMI_CONFIG_PASSPHRASE, or restore ${file}`
    throw new Error(`Stack ${stack} has a passphrase that is not on this machine: ${cure}`)
  }
  mkdirSync(home, { recursive: true, mode: 0o700 })
  writeFileSync(file, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  return file
}

function printBackend({ PULUMI_CONFIG_PASSPHRASE_FILE: file }: Environment) {
  const secrets = file ? `, its secrets under the passphrase in ${file}` : ''
  step(`Pulumi keeps its state on this machine, in ~/.pulumi${secrets}`)
}
