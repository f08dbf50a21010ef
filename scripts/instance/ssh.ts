import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { enterByEndpoint } from './endpoint.ts'

/** An instance as the target of SSH. */
export interface Instance {
  instanceId: string
  ip: string
  /** How to get in, or `closed`. */
  ssh: string
  region: string
  /** The id of the EC2 Instance Connect Endpoint that leads to it, which is used if there is one. */
  sshEndpoint?: string
  /** Of the AWS CLI, for the endpoint. */
  profile?: string
}

interface RemoteOptions {
  /** The input of the command. */
  input?: Readable
  /** Receives its output, which is otherwise returned. */
  output?: Writable
}

const failedToConnect = 255

/**
 * The arguments of ssh for a session as admin. An address may be another instance's tomorrow, so
 * known hosts are kept by instance.
 * @throws {Error} if SSH is closed
 */
export function sshArguments(instance: Instance): string[] {
  assertOpen(instance)
  const { ip, instanceId } = instance
  mkdirSync(dirname(knownHosts(instanceId)), { recursive: true, mode: 0o700 })
  const options = {
    UserKnownHostsFile: knownHosts(instanceId),
    StrictHostKeyChecking: 'accept-new',
    PasswordAuthentication: 'no',
    ConnectTimeout: '15',
    ServerAliveInterval: '15',
    LogLevel: 'ERROR',
  }
  return [...flagsOf(options), `admin@${ip}`]
}

/** @throws {Error} if SSH is closed */
export function assertOpen({ ssh, sshEndpoint }: Instance) {
  if (ssh !== 'closed' || sshEndpoint) return
  throw new Error('SSH is closed: npx onebox up --ssh opens it for the address of this machine')
}

function flagsOf(options: Record<string, string>): string[] {
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

/** Starts ssh; through the endpoint, if there is one, with a key for this session alone. */
async function spawnSsh(
  instance: Instance,
  command: string[],
  options: { stdio?: 'inherit' } = {},
): Promise<ChildProcess> {
  const args = [...sshArguments(instance), ...command]
  if (!instance.sshEndpoint) return spawn('ssh', args, options)
  const folder = mkdtempSync(join(tmpdir(), 'onebox-ssh-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    const through = flagsOf(await enterByEndpoint(instance, folder))
    return spawn('ssh', [...through, ...args], options).once('close', remove)
  } catch (error) {
    remove()
    throw error
  }
}

export function knownHosts(instanceId: string): string {
  return join(homedir(), '.ssh/onebox', instanceId)
}

/** Hands this terminal to ssh; returns the exit code. */
export async function openSession(instance: Instance, command: string[]): Promise<number> {
  const child = await spawnSsh(instance, command, { stdio: 'inherit' })
  // Ctrl-C is for the remote command.
  process.on('SIGINT', () => {})
  const code = await exitCodeOf(child)
  if (code === failedToConnect)
    throw new Error(`SSH to ${instance.ip} failed: ${accessCure(instance)}`)
  return code
}

/**
 * Runs a command of the instance's shell; returns what it prints.
 * @throws {Error} with the last line of its error output
 */
export async function runRemote(
  instance: Instance,
  command: string,
  { input, output }: RemoteOptions = {},
): Promise<string> {
  const child = (await spawnSsh(instance, [command])) as ChildProcessWithoutNullStreams
  let printed = ''
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaint = (complaint + text).slice(-10_000)
  })
  if (!output) {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text
    })
  }
  const [code] = await Promise.all([
    exitCodeOf(child),
    output && pipeline(child.stdout, output),
    // A command that ends early prints why.
    input ? pipeline(input, child.stdin).catch(() => {}) : child.stdin.end(),
  ])
  const reason = complaint.trim().split('\n').at(-1) ?? ''
  if (code === 0) return printed
  if (code === failedToConnect)
    throw new Error(`SSH to ${instance.ip} failed (${reason}): ${accessCure(instance)}`)
  throw new Error(reason.replace(/^onebox: /, '') || `ssh ended with ${code}: see npx onebox logs`)
}

function accessCure({ sshEndpoint }: Instance): string {
  return sshEndpoint
    ? 'your AWS user needs the rights that docs/provisioning.md names for sshEndpoint'
    : 'npx onebox up --ssh opens it for the current address of this machine'
}

async function exitCodeOf(child: ChildProcess): Promise<number> {
  try {
    const [code, signal] = await once(child, 'close')
    return signal ? 1 : code
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const cure = 'apt install openssh-client'
    throw new Error(code === 'ENOENT' ? `ssh is not installed: ${cure}` : message)
  }
}
