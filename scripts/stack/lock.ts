import { hostname } from 'node:os'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { step } from '../terminal/step.ts'

/**
 * Does something to the stack that needs its lock, which a run that was cut off has left behind.
 * @throws {Error} if another run may still hold it
 */
export async function withLock(stack: Stack, operation: () => Promise<unknown>) {
  try {
    await operation()
  } catch (error) {
    if (!isLocked(error)) throw error
    await releaseLock(stack, (error as Error).message)
    await operation()
  }
}

export function isLocked(error: unknown): boolean {
  const { name, message } = error as Error
  return name === 'ConcurrentUpdateError' || message.includes('is currently locked by')
}

const locker = /created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)/g

/**
 * Unlocks the stack if the run that locked it was cut off.
 * @throws {Error} unless that run was on this machine and has certainly ended
 */
async function releaseLock(stack: Stack, message: string) {
  const locks = [...message.matchAll(locker)].map(([, user, host, pid, time]) => {
    return { who: `${user}@${host}`, isGone: host === hostname() && !isRunning(Number(pid)), time }
  })
  const holder = locks.find(({ isGone }) => !isGone)
  if (locks.length > 0 && holder === undefined) {
    step(`The run of ${locks[0]?.time} was cut off: continuing from there`)
    return stack.cancel()
  }
  const who = holder ? `${holder.who} since ${holder.time}` : 'another run'
  const cure = `wait for it, or npx onebox pulumi cancel --stack ${stack.name} if it is gone`
  throw new Error(`Stack ${stack.name} is locked by ${who}: ${cure}`)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
