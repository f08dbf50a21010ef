import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { duration } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'

/** Another run is changing the stack, or has just done so. */
export class Busy extends Error {}

/**
 * Runs a command again while another run changes the stack, for up to `timeoutSeconds`. From its
 * start, as what it has read may have changed.
 */
export async function retryWhileBusy(
  timeoutSeconds: number,
  command: () => Promise<void>,
  pauseMs = 10_000,
) {
  const deadline = performance.now() + timeoutSeconds * 1000
  for (;;) {
    try {
      return await command()
    } catch (error) {
      const leftMs = deadline - performance.now()
      if (!(error instanceof Busy) || leftMs <= 0) throw error
      step(`${error.message.split(': ')[0]}: trying again`)
      await setTimeout(Math.min(pauseMs, leftMs))
    }
  }
}

/**
 * Does something to the stack that needs its lock, which a run that was cut off has left behind.
 * @throws {Busy} if another run may still hold it
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
 * @throws {Busy} unless that run was on this machine and has certainly ended
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
  const who = holder ? `${holder.who} since ${sinceText(holder.time)}` : 'another run'
  const cure = `wait for it (up --lock-timeout SECONDS), or npx onebox pulumi cancel --stack ${stack.name} if it is gone`
  throw new Busy(`Stack ${stack.name} is locked by ${who}: ${cure}`)
}

function sinceText(time = ''): string {
  const seconds = (Date.now() - Date.parse(time)) / 1000
  return seconds >= 0 ? `${time} (${duration(seconds)})` : time
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
