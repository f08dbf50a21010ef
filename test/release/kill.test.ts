import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import { startLoad } from '../support/load.ts'
import { buildRelease, startWorker, type Worker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const rounds = 50

test('workers killed at random moments under writes, 50 times, lose no acknowledged write', async (t) => {
  const release = await buildRelease()
  const dataDir = makeDataDir()
  const first = await startWorker(t, { release, dataDir, name: '0' })
  const second = await startWorker(t, { release, dataDir, name: '1' })
  const saved = new Set<string>()

  for (let round = 0; round < rounds; round += 1) {
    const victim = round % 2 === 0 ? first : second
    for (const username of await killUnderLoad(victim, [first, second])) saved.add(username)
    await victim.start()
  }

  const database = new SQLite(join(dataDir, 'onebox.db'), { readonly: true })
  t.after(() => database.close())
  const found = new Set(database.prepare('SELECT username FROM birthdays').pluck().all())
  const lost = [...saved].filter((username) => !found.has(username))
  assert.deepEqual(lost, [])
  assert.ok(saved.size > rounds, `only ${saved.size} writes were acknowledged`)
  assert.equal(database.pragma('integrity_check', { simple: true }), 'ok')
  t.diagnostic(`${saved.size} writes were acknowledged, and all were there afterwards`)
})

/** What both workers have acknowledged by the time that one of them is dead. */
async function killUnderLoad(victim: Worker, workers: Worker[]): Promise<string[]> {
  const loads = workers.map(({ url }) =>
    startLoad(url, { keepAlive: 8, oneShot: 0, writeShare: 1 }),
  )
  await sleep(20 + Math.random() * 150)
  await victim.kill()
  await Promise.all(loads.map((load) => load.stop()))
  return loads.flatMap((load) => [...load.saved])
}
