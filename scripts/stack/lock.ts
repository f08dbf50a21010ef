import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { duration } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'
import { type Lock, readLocks } from './backend.ts'
import { isLocked } from './explain-pulumi.ts'

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

/**
 * Otherwise Pulumi says so only once everything is previewed. A state that is not on this machine has
 * its locks elsewhere.
 * @throws {Busy} if another run changes the stack
 */
export function assertUnlocked(stack: Stack) {
  const holder = readLocks(stack.name).find(isThere)
  if (holder) throw busy(stack, holder)
}

const locker = /created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)/g

/**
 * Unlocks the stack if the run that locked it was cut off.
 * @throws {Busy} unless that run was on this machine and has certainly ended
 */
async function releaseLock(stack: Stack, message: string) {
  const holders = [...message.matchAll(locker)].map(
    ([, username = '', hostname = '', pid, timestamp = '']) => {
      return { username, hostname, pid: Number(pid), timestamp }
    },
  )
  const holder = holders.find(isThere)
  if (holder || holders.length === 0) throw busy(stack, holder)
  step(`The run of ${holders[0]?.timestamp} was cut off: continuing from there`)
  await stack.cancel()
}

function isThere({ hostname: host, pid }: Lock): boolean {
  return host !== hostname() || isRunning(pid)
}

function busy({ name }: Stack, holder: Lock | undefined): Busy {
  const who = holder
    ? `${holder.username}@${holder.hostname} since ${sinceText(holder.timestamp)}`
    : 'another run'
  const cure = `wait for it (up --lock-timeout SECONDS), or npx onebox pulumi cancel --stack ${name} if it is gone`
  return new Busy(`Stack ${name} is locked by ${who}: ${cure}`)
}

function sinceText(time: string): string {
  const seconds = (Date.now() - Date.parse(time)) / 1000
  return seconds >= 0 ? `${time} (${duration(seconds)})` : time
}

/** Whether a process has not ended yet. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A process that has ended stays in Linux' list until its parent asks, for ever if none does. */
function isZombie(pid: number): boolean {
  const file = `/proc/${pid}/stat`
  return existsSync(file) && /\) Z /.test(readFileSync(file, 'latin1'))
}
