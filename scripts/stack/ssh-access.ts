import { existsSync, readFileSync } from 'node:fs'
import { BlockList, isIPv4 } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { settings as known } from '../../provisioning/config.ts'
import { request } from '../site/client.ts'
import { confirm, isInteractive } from '../terminal/confirm.ts'
import { step } from '../terminal/step.ts'
import { type Settings, setPersonalSetting, setSetting, settingOf } from './settings.ts'

interface AccessOptions {
  /** Whether SSH is asked for. */
  ssh: boolean
  yes: boolean
  /** Whether there are instances already, which another key would replace. */
  hasInstance: boolean
}

/**
 * Opens SSH for the address of this machine on request. Every new instance gets a key, as adding one
 * later would replace the instance.
 */
export async function arrangeAccess(stack: Stack, settings: Settings, options: AccessOptions) {
  const open = settingOf(settings, 'sshFrom')
  const address = await ownAddress()
  const isOpen = address !== undefined && isWithin(address, open)
  const isWanted = !isOpen && (await isAccessWanted(open, address, options))
  const hasKey = settingOf(settings, 'sshPublicKey') !== ''
  if (!hasKey && (isWanted || !options.hasInstance)) await addKey(stack, isWanted)
  if (!isWanted) return
  if (address === undefined) {
    const cure = `npx onebox pulumi config --stack ${stack.name} set --secret sshFrom ADDRESS`
    throw new Error(`Cannot find out the address of this machine: ${cure}`)
  }
  const networks = [open, `${address}/32`].filter((text) => text !== '').join(',')
  await setPersonalSetting(stack, 'sshFrom', networks)
  step(`SSH will be open for ${networks}`)
}

async function isAccessWanted(
  open: string,
  address: string | undefined,
  { ssh, yes }: AccessOptions,
): Promise<boolean> {
  if (ssh) return true
  const who = address ?? 'at an unknown address'
  const standing = open === '' ? 'closed' : `open only for ${open}`
  const text = `SSH is ${standing}, and this machine is ${who}`
  if (yes || !isInteractive() || address === undefined) {
    step(`${text}: add --ssh to open it, for logs, backup and restore`)
    return false
  }
  return confirm(`${text}. Open it, for logs, backup and restore?`, { yes: false })
}

function isWithin(address: string, networks: string): boolean {
  const list = new BlockList()
  for (const network of known.sshFrom.parse(networks) ?? []) {
    const [start = '', bits] = network.split('/')
    list.addSubnet(start, Number(bits))
  }
  return list.check(address)
}

async function ownAddress(): Promise<string | undefined> {
  const url = process.env.CHECK_IP_URL ?? 'https://checkip.amazonaws.com'
  const { text } = await request(url, { timeoutMs: 5000 }).catch(() => ({ text: '' }))
  return isIPv4(text.trim()) ? text.trim() : undefined
}

async function addKey(stack: Stack, isNeeded: boolean) {
  const names = ['id_ed25519.pub', 'id_rsa.pub'].map((name) => join(homedir(), '.ssh', name))
  const file = names.find(existsSync)
  if (file) {
    const key = readFileSync(file, 'utf8').trim()
    // Without its comment, which names a person and a machine.
    await setSetting(stack, 'sshPublicKey', known.sshPublicKey.parse(key) ?? key)
    return step(`The instance gets the public key ${file}`)
  }
  if (isNeeded) {
    throw new Error('There is no SSH key in ~/.ssh: run ssh-keygen -t ed25519, then try again')
  }
}
