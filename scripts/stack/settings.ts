import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { type Config, readConfig } from '../../provisioning/config.ts'
import type { Place } from './aws/call.ts'
import { readableReason } from './explain-pulumi.ts'

/** The name in Pulumi.yaml. */
export const project = 'onebox'

/** The settings of a stack. */
export interface Settings {
  values: Record<string, string>
  /** The names of those that are stored as secrets. */
  secrets: string[]
}

export async function readSettings(stack: Stack): Promise<Settings> {
  const entries = Object.entries(await stack.getAllConfig())
  return {
    values: Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
    secrets: entries.filter(([, { secret }]) => secret).map(([name]) => name),
  }
}

/** The settings as the program reads them. @throws {Error} one line that names the setting and the cure */
export function checkSettings(stack: Stack, settings: Settings): Config {
  try {
    return readConfig({ project, stack: stack.name, ...settings })
  } catch (error) {
    throw new Error(readableReason((error as Error).message, stack.name))
  }
}

/** Never for a secret: the CLI takes it as an argument, which other users of this machine can see. */
export async function setSetting(stack: Stack, name: string, value: string) {
  await stack.setConfig(`${project}:${name}`, { value })
}

/** Stored encrypted; but never for real secrets, see `setSetting`. */
export async function setPersonalSetting(stack: Stack, name: string, value: string) {
  await stack.setConfig(`${project}:${name}`, { value, secret: true })
}

export async function removeSetting(stack: Stack, name: string) {
  await stack.removeConfig(`${project}:${name}`)
}

/** Empty if the setting has its default. */
export function settingOf({ values }: Settings, name: string): string {
  return values[`${project}:${name}`] ?? ''
}

export function placeOf({ values }: Settings): Place {
  return { region: values['aws:region'] ?? '', profile: values['aws:profile'] || undefined }
}
