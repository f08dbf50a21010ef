import type { Stack } from '@pulumi/pulumi/automation/index.js'
import type { Place } from './aws/call.ts'
import { readDeployment } from './deployment.ts'
import { assertUnlocked } from './lock.ts'
import { assertLatest } from './state-copy.ts'
import { settleUnfinished } from './unfinished.ts'

/**
 * Comes before anything that changes the stack.
 * @throws {Error} if another run changes it, or has done so on another machine
 */
export async function beginChange(
  stack: Stack,
  place: Place,
  command: 'up' | 'destroy',
  options: { yes: boolean },
) {
  assertUnlocked(stack)
  const deployment = await readDeployment(stack)
  await assertLatest(stack, place, deployment)
  await settleUnfinished(stack, place, command, { ...options, deployment })
}
