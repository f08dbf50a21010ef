import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  LocalWorkspace,
  PulumiCommand,
  type Stack,
  StackNotFoundError,
} from '@pulumi/pulumi/automation/index.js'
import manifest from '../../package.json' with { type: 'json' }
import { confirm, isInteractive } from '../terminal/confirm.ts'
import { step } from '../terminal/step.ts'
import { backendEnvironment, explainFor, printBackend, program } from './backend.ts'
import { explainPulumi } from './explain-pulumi.ts'

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
    return explained(
      await LocalWorkspace.selectStack({ stackName: name, workDir: program }, options),
    )
  } catch (error) {
    if (!(error instanceof StackNotFoundError)) throw explainFor(name, error)
    return undefined
  }
}

/** The stack of that name, created if there is none; with `installCli`, the CLI is installed too. */
export async function openStack(name: string, installCli: boolean): Promise<Stack> {
  const pulumiCommand = await ensureCli(installCli)
  const envVars = backendEnvironment(name)
  printBackend(envVars)
  try {
    const place = { stackName: name, workDir: program }
    return explained(await LocalWorkspace.createOrSelectStack(place, { pulumiCommand, envVars }))
  } catch (error) {
    throw explainFor(name, error)
  }
}

/** The same stack, whose failures are one readable line, but for what needs the CLI's own words. */
function explained(stack: Stack): Stack {
  return new Proxy(stack, {
    get(target, property) {
      const value = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const answer = value.apply(target, args)
        return answer instanceof Promise ? answer.catch(fail) : answer
      }
    },
  })

  function fail(error: unknown) {
    throw explainFor(stack.name, error)
  }
}

/** Runs the CLI on a stack, for what the Automation API does with secrets in plain text. */
export async function runCli(stack: Stack, args: string[], input = ''): Promise<string> {
  const { pulumiCommand, envVars } = stack.workspace as LocalWorkspace
  const flags = ['--stack', stack.name, '--non-interactive']
  const child = spawn(pulumiCommand.command, [...args, ...flags], {
    cwd: program,
    env: { ...process.env, ...envVars },
  })
  child.stdin.end(input)
  const [out, error, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  if (code !== 0) throw explainFor(stack.name, new Error(error))
  return out
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
