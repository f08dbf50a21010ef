import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Health } from '../../server/operations/health.ts'
import { startLoad } from '../support/load.ts'
import type { Deployment } from './aws.ts'
import type { Machine } from './machine.ts'
import { bootLimitMs, deployLimitMs, type Story } from './story.ts'
import { watch } from './watch.ts'

/** The load that an emulated machine can take, with something left for what is tried meanwhile. */
const modest = { keepAlive: 2, oneShot: 1, pauseMs: 50 }
const settlingMs = 3000

/** Asks for something else to run and waits until every worker does. */
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

/** Acts while clients ask and write, of whom none may notice. */
export async function underLoad(
  { machine, say }: Story,
  act: () => Promise<void>,
  { writeShare = 0.1 } = {},
) {
  const load = startLoad(machine.url, { ...modest, writeShare })
  try {
    await sleep(settlingMs)
    await act()
    await sleep(settlingMs)
  } finally {
    await load.stop()
  }
  const { answered, failed } = load.counts()
  assert.equal(failed, 0, `${failed} of ${answered} failed: ${[...new Set(load.failures)]}`)
  await expectSaved(machine, load.saved)
  say(`${answered} requests meanwhile, none failed; ${load.saved.size} writes, none lost`)
}

/** Holds a boot to having come to its end, with all of its units and nothing left out. */
export async function expectSoundBoot({ ssh }: Machine) {
  await ssh('cloud-init status --wait', bootLimitMs)
  assert.equal(await ssh('systemctl is-system-running --wait', bootLimitMs), 'running')
  assert.equal(await ssh('systemctl --failed --no-legend'), '')
  const leftOut = 'journalctl --boot --identifier systemd --grep "ordering cycle" --quiet || true'
  assert.equal(await ssh(leftOut), '')
}

/** Holds the database to the birthdays whose PUT was acknowledged. */
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
