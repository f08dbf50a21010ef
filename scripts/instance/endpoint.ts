import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { quoteShell } from './quote-shell.ts'

interface Target {
  instanceId: string
  region: string
  sshEndpoint?: string
  profile?: string
}

const run = promisify(execFile)
const service = 'ec2-instance-connect'
const oldestCli = [2, 12] as const

/**
 * Makes a key in `folder` that the instance accepts for a minute. Returns the options with which ssh
 * uses it, through a tunnel to the EC2 Instance Connect Endpoint. The AWS CLI speaks the tunnel's
 * protocol, which is AWS's own.
 * @throws {Error} without the AWS CLI, or if AWS refuses
 */
export async function enterByEndpoint(target: Target, folder: string) {
  await assertCli()
  const key = join(folder, 'key')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key])
  const user = ['--instance-os-user', 'admin', '--ssh-public-key', `file://${key}.pub`]
  await aws([service, 'send-ssh-public-key', ...placeOf(target), ...user])
  const endpoint = ['--instance-connect-endpoint-id', target.sshEndpoint ?? '']
  const tunnel = ['aws', service, 'open-tunnel', ...placeOf(target), ...endpoint]
  return {
    // ssh reads a % as the start of a token.
    ProxyCommand: tunnel.map(quoteShell).join(' ').replaceAll('%', '%%'),
    IdentityFile: key,
    IdentitiesOnly: 'yes',
  }
}

function placeOf({ instanceId, region, profile }: Target): string[] {
  const named = profile ? ['--profile', profile] : []
  return ['--instance-id', instanceId, '--region', region, ...named]
}

async function assertCli() {
  const [, major = 0, minor = 0] = /^aws-cli\/(\d+)\.(\d+)/.exec(await aws(['--version'])) ?? []
  const [leastMajor, leastMinor] = oldestCli
  if (+major > leastMajor || (+major === leastMajor && +minor >= leastMinor)) return
  throw new Error(`The AWS CLI is too old for SSH through the endpoint: ${cure}`)
}

const cure = `install version ${oldestCli.join('.')} or later from https://aws.amazon.com/cli`

/** @throws {Error} with the last line of its error output */
async function aws(args: string[]): Promise<string> {
  try {
    return (await run('aws', args)).stdout
  } catch (error) {
    const { code, stderr = '', message } = error as Error & { code?: unknown; stderr?: string }
    if (code === 'ENOENT')
      throw new Error(`SSH through the endpoint needs the AWS CLI, which is not installed: ${cure}`)
    throw new Error(`AWS refused: ${stderr.trim().split('\n').at(-1) || message}`)
  }
}
