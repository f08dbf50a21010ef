import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Health } from '../../server/operations/health.ts'
import { startLoad } from '../support/load.ts'
import type { Deployment } from './aws.ts'
import type { Machine } from './machine.ts'
import { bootLimitMs, deployLimitMs, type Story } from './story.ts'
import { watch } from './watch.ts'

/** A load that leaves an emulated machine some capacity for the step under test. */
const modest = { keepAlive: 2, oneShot: 1, pauseMs: 50 }
const settlingMs = 3000

/** Deploys a change and waits until every worker runs it. Returns the seconds that took. */
export async function deploy(story: Story, change: Partial<Story['wanted']>) {
  const id = publish(story, change)
  const startedAt = performance.now()
  await untilLive(story, id)
  return ((performance.now() - startedAt) / 1000).toFixed(1)
}

export function publish(story: Story, change: Partial<Story['wanted']>): string {
  Object.assign(story.wanted, change)
  return story.aws.publish(story.wanted)
}

export async function untilLive({ machine, wanted }: Story, id: string) {
  const watching = watch(machine.url)
  try {
    await watching.until((health) => isLive(health, id, wanted), deployLimitMs)
  } finally {
    await watching.stop()
  }
}

function isLive({ deploy, workers }: Health, id: string, { release }: Deployment): boolean {
  const isNew = (worker: Health['workers'][number]) =>
    worker.release === release.id && !worker.draining
  return deploy?.desired === id && deploy.status === 'live' && workers.every(isNew)
}

/** Runs a step while clients read and write. None of their requests may fail. */
export async function underLoad(
  { machine, print }: Story,
  step: () => Promise<void>,
  { writeShare = 0.1 } = {},
) {
  const load = startLoad(machine.url, { ...modest, writeShare })
  try {
    await sleep(settlingMs)
    await step()
    await sleep(settlingMs)
  } finally {
    await load.stop()
  }
  const { answered, failed } = load.counts()
  assert.equal(failed, 0, `${failed} of ${answered} failed: ${[...new Set(load.failures)]}`)
  await expectSaved(machine, load.saved)
  print(`${answered} requests meanwhile, none failed; ${load.saved.size} writes, none lost`)
}

/** Asserts that the boot finished, no unit failed and systemd dropped none. */
export async function expectSoundBoot({ ssh }: Machine) {
  await ssh('cloud-init status --wait', bootLimitMs)
  assert.equal(await ssh('systemctl is-system-running --wait', bootLimitMs), 'running')
  assert.equal(await ssh('systemctl --failed --no-legend'), '')
  const dropped = 'journalctl --boot --identifier systemd --grep "ordering cycle" --quiet || true'
  assert.equal(await ssh(dropped), '')
}

/** Asserts that the database has every birthday whose PUT was acknowledged. */
export async function expectSaved({ ssh }: Machine, usernames: Set<string>) {
  const rows = await ssh(`onebox db 'SELECT username FROM birthdays'`)
  const found = new Set(rows.match(/\p{L}+/gu))
  const lost = [...usernames].filter((username) => !found.has(username))
  assert.deepEqual(lost, [], `${lost.length} of ${usernames.size} acknowledged writes are lost`)
}

export function put(url: string, body: string, headers: Record<string, string> = {}) {
  const signal = AbortSignal.timeout(60_000)
  return fetch(url, { method: 'PUT', body, headers, signal })
}
