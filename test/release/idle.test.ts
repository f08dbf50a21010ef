import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildRelease } from '../support/release.ts'
import { startService } from '../support/service.ts'

const seconds = 5

// An instance without CPU credits has a twentieth of a core.
test('workers without requests wake a few times a second', async (t) => {
  if (process.platform !== 'linux') return t.skip('reads /proc')
  const service = await startService(t, await buildRelease())
  const pids = service.pids()
  await sleep(3000)
  const before = pids.map(wakesOf)
  await sleep(seconds * 1000)
  for (const [index, pid] of pids.entries()) {
    const wakes = wakesOf(pid) - (before[index] as number)
    t.diagnostic(`${wakes / seconds} a second`)
    assert.ok(wakes < 25 * seconds, `${wakes} in ${seconds} s`)
  }
})

/** How often its main thread has waited for something. */
function wakesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/task/${pid}/status`, 'utf8')
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1])
}
