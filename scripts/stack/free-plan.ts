import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { step } from '../terminal/step.ts'
import { findFreeTypes, hasFreePlan } from './aws/account-plan.ts'
import type { Place } from './aws/call.ts'
import type { Instance } from './aws/ec2-instances.ts'
import { checkSettings, readSettings, setSetting, settingOf } from './settings.ts'

/**
 * Chooses the smallest type that AWS's Free plan allows if the account has that plan: otherwise AWS
 * would refuse the instance after everything else is made.
 * @throws {Error} if another type was chosen, or the plan allows none
 */
export async function settleType(stack: Stack, place: Place, instance: Instance | undefined) {
  const settings = await readSettings(stack)
  const { instanceType, architecture } = checkSettings(stack, settings)
  if (instance?.type === instanceType || !(await hasFreePlan(place))) return
  const types = await findFreeTypes(place, architecture === 'x64' ? 'x86_64' : architecture)
  if (types === undefined || types.includes(instanceType)) return
  const refused = `This account has AWS's Free plan, which refuses ${instanceType}`
  const set = 'npx onebox pulumi config set'
  const [smallest] = types
  if (smallest === undefined) {
    const other = architecture === 'x64' ? 'arm64' : 'x64'
    throw new Error(`${refused}: ${set} architecture ${other} --stack ${stack.name}`)
  }
  if (settingOf(settings, 'instanceType') !== '') {
    throw new Error(`${refused}: ${set} instanceType ${smallest} --stack ${stack.name}`)
  }
  await setSetting(stack, 'instanceType', smallest)
  step(`${refused}: ${smallest} instead`)
}
