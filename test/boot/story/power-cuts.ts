import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { startLoad } from '../../support/load.ts'
import type { Machine } from '../machine.ts'
import { expectSaved, expectSoundBoot } from '../steps.ts'
import { bootLimitMs, type Story } from '../story.ts'
import { expectStored } from './blank-instance.ts'

const writers = { keepAlive: 4, oneShot: 0, writeShare: 1 }
const cuts = 3

// After the SSH command has succeeded.
const panic = `sudo sh -c '(sleep 2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &'`

/** After any crash, the instance comes back by itself with every acknowledged write. */
export async function powerCuts(story: Story) {
  const saved = new Set<string>()
  await reboot(story, saved, 'a reboot')
  await reboot(story, saved, 'a kernel panic', panic)
  for (let cut = 1; cut <= cuts; cut += 1) await cutPower(story, saved)
  await expectStored(story.machine.url)
  const check = await story.machine.ssh(`onebox db 'PRAGMA integrity_check'`)
  assert.match(check, /\bok\b/)
}

async function reboot(
  { machine, print }: Story,
  saved: Set<string>,
  what: string,
  command?: string,
) {
  const load = startLoad(machine.url, writers)
  await sleep(5000)
  const rebooted = machine.reboot(command)
  await sleep(5000)
  await load.stop()
  for (const username of load.saved) saved.add(username)
  await rebooted
  const seconds = await expectBack(machine, saved)
  print(`back ${seconds} s after ${what}, all ${saved.size} writes there`)
}

async function cutPower({ machine, print }: Story, saved: Set<string>) {
  const load = startLoad(machine.url, writers)
  await sleep(3000 + Math.random() * 5000)
  const unflushed = await machine.powerCut()
  await load.stop()
  for (const username of load.saved) saved.add(username)
  machine.powerOn()
  const seconds = await expectBack(machine, saved)
  print(`back ${seconds} s after a cut (unflushed: ${unflushed}), all ${saved.size} writes there`)
}

/** Waits for an answer and returns the seconds that took. */
async function expectBack(machine: Machine, saved: Set<string>): Promise<string> {
  await machine.until200(bootLimitMs)
  const seconds = machine.seconds().toFixed(1)
  await expectSaved(machine, saved)
  await expectSoundBoot(machine)
  return seconds
}
