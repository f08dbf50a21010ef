import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Outputs } from '../stack/outputs.ts'

/** The instance as SSH reaches it. */
export type Server = Pick<Outputs, 'ip' | 'ssh' | 'instanceId'>

export interface RemoteOptions {
  /** What the command reads. */
  input?: Readable
  /** Where it writes to, if not to the answer. */
  output?: Writable
}

const failedToConnect = 255

/**
 * The arguments of ssh for a session as admin. An address may be another instance's tomorrow, so
 * known hosts are kept by instance.
 * @throws {Error} where SSH is closed
 */
export function sshArguments({ ip, ssh, instanceId }: Server): string[] {
  if (ssh === 'closed') {
    throw new Error('SSH is closed: npm run up -- --ssh opens it for the address of this machine')
  }
  mkdirSync(dirname(knownHosts(instanceId)), { recursive: true, mode: 0o700 })
  const options = {
    UserKnownHostsFile: knownHosts(instanceId),
    StrictHostKeyChecking: 'accept-new',
    PasswordAuthentication: 'no',
    ConnectTimeout: '15',
    ServerAliveInterval: '15',
    LogLevel: 'ERROR',
  }
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return [...flags, `admin@${ip}`]
}

export function knownHosts(instanceId: string): string {
  return join(homedir(), '.ssh/onebox', instanceId)
}

/** Hands this terminal to ssh; gives the exit code. */
export async function openSession(server: Server, command: string[]): Promise<number> {
  const child = spawn('ssh', [...sshArguments(server), ...command], { stdio: 'inherit' })
  // Ctrl-C is for whatever runs over there.
  process.on('SIGINT', () => {})
  const code = await exitCodeOf(child)
  if (code === failedToConnect) throw new Error(`SSH to ${server.ip} failed: ${accessCure}`)
  return code
}

/**
 * Runs a command of the instance's shell; gives what it prints.
 * @throws {Error} with the last line of its complaint
 */
export async function runRemote(
  server: Server,
  command: string,
  { input, output }: RemoteOptions = {},
): Promise<string> {
  const child = spawn('ssh', [...sshArguments(server), command])
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
    // A command that ends early says by itself why.
    input ? pipeline(input, child.stdin).catch(() => {}) : child.stdin.end(),
  ])
  const reason = complaint.trim().split('\n').at(-1) ?? ''
  if (code === 0) return printed
  if (code === failedToConnect)
    throw new Error(`SSH to ${server.ip} failed (${reason}): ${accessCure}`)
  throw new Error(reason.replace(/^onebox: /, '') || `ssh ended with ${code}: see npm run logs`)
}

const accessCure = 'npm run up -- --ssh opens it for the address that this machine has now'

async function exitCodeOf(child: ReturnType<typeof spawn>): Promise<number> {
  try {
    const [code, signal] = await once(child, 'close')
    return signal ? 1 : code
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const cure = 'install OpenSSH, such as the package openssh-client'
    throw new Error(code === 'ENOENT' ? `There is no ssh on this machine: ${cure}` : message)
  }
}

/** An argument as the shell over there has to be given it. */
export function quoteShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
