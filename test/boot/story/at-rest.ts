import { setTimeout as sleep } from 'node:timers/promises'
import type { Story } from '../story.ts'
import { readUsage } from '../usage.ts'

const restMs = 5 * 60_000

/** What an instance uses while nobody asks it for anything. */
export async function atRest({ machine, print }: Story) {
  const before = await readUsage(machine)
  const hostBefore = machine.hostCpuSeconds()
  await sleep(restMs)
  const host = machine.hostCpuSeconds() - hostBefore
  const after = await readUsage(machine)
  const minutes = (after.uptimeSeconds - before.uptimeSeconds) / 60
  const busy = (after.busySeconds - before.busySeconds) / minutes
  const server = (after.serverSeconds - before.serverSeconds) / minutes
  print(
    `${busy.toFixed(2)} CPU-seconds a minute, ${server.toFixed(2)} of them the server's; ${(host / minutes).toFixed(2)} of the emulator's`,
  )
}
