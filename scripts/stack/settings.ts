import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { type Config, readConfig } from '../../provisioning/config.ts'
import type { Place } from './aws/ask.ts'
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

/** What the program will make of them. @throws {Error} one line that names the setting and the cure */
export function checkSettings(stack: Stack, settings: Settings): Config {
  try {
    return readConfig({ project, stack: stack.name, ...settings })
  } catch (error) {
    throw new Error(readableReason((error as Error).message, stack.name))
  }
}

/** Never for a secret: it is an argument of the CLI, which others on this machine can see. */
export async function setSetting(stack: Stack, name: string, value: string) {
  await stack.setConfig(`${project}:${name}`, { value })
}

/** Kept encrypted, as it is nobody's business; not for a secret proper, see `setSetting`. */
export async function setPersonalSetting(stack: Stack, name: string, value: string) {
  await stack.setConfig(`${project}:${name}`, { value, secret: true })
}

export async function removeSetting(stack: Stack, name: string) {
  await stack.removeConfig(`${project}:${name}`)
}

/** Empty where a setting has its default, which is empty for those that are asked for here. */
export function settingOf({ values }: Settings, name: string): string {
  return values[`${project}:${name}`] ?? ''
}

export function placeOf({ values }: Settings): Place {
  return { region: values['aws:region'] ?? '', profile: values['aws:profile'] || undefined }
}
