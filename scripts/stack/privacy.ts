import { execFileSync } from 'node:child_process'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import type { Config } from '../../provisioning/config.ts'
import { step } from '../terminal/step.ts'
import { program } from './backend.ts'
import { project, type Settings, setPersonalSetting, settingOf } from './settings.ts'

/** They reveal a person's IP address and e-mail address. */
const personal = ['sshFrom', 'alarmEmail']

/** Keeps personal settings as secrets of the stack, as the file of its settings may be published. */
export async function keepPrivate(stack: Stack, settings: Settings) {
  for (const name of personal) {
    const value = settingOf(settings, name)
    if (value === '' || settings.secrets.includes(`${project}:${name}`)) continue
    await setPersonalSetting(stack, name, value)
    step(`${name} is now a secret of the stack: ${fileOf(stack)} has it encrypted`)
  }
}

/** A pipeline deploys with the committed settings, and undoes all others. */
export function warnOfPipeline(stack: Stack, config: Config) {
  const hasPipeline = [config.releaseSubject, config.infrastructureSubject].some(Boolean)
  if (!hasPipeline || process.env.CI || !isChanged(fileOf(stack))) return
  step(
    `Commit ${fileOf(stack)}: the pipeline's next deploy undoes what only this machine knows, such as SSH, alarms and rollbacks`,
  )
}

function fileOf({ name }: Stack): string {
  return `provisioning/Pulumi.${name}.yaml`
}

function isChanged(file: string): boolean {
  const args = ['-C', `${program}/..`, 'status', '--porcelain', '--', file]
  try {
    return (
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }) !== ''
    )
  } catch {
    return false
  }
}
