import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { OffsiteState } from '../../../server/operations/offsite-state.ts'
import { parseMetrics } from '../../../server/operations/series.ts'
import { makeDataDir, startServer } from '../../support/server.ts'

const hourMs = 3_600_000

function ago(hours: number): string {
  return new Date(Date.now() - hours * hourMs).toISOString()
}

/** A server beside an agent that backs up every 15 minutes. */
async function start(t: TestContext) {
  const file = join(makeDataDir(), 'offsite.json')
  const env = { OFFSITE_URL: 'https://backups.example', OFFSITE_STATE_FILE: file }
  const url = await startServer(t, env)
  return { url, set: (state: OffsiteState) => writeFileSync(file, JSON.stringify(state)) }
}

test('GET /healthz/backups fails while a backup or a drill is overdue, and says why', async (t) => {
  const { url, set } = await start(t)
  const drill = { at: ago(1), name: 'a' }
  const cases: [state: OffsiteState, status: number, text: RegExp][] = [
    [{ backedUpTo: ago(0.2), drill }, 200, /"backedUpTo":"20/],
    [{ backedUpTo: ago(1.4), drill }, 200, /"drillAt":"20/],
    [{ backedUpTo: ago(1.6), drill }, 503, /no backup since 20/],
    [
      { backedUpTo: ago(2), drill, problems: { backup: 'S3 answered 403' } },
      503,
      /no backup since 20\S+: S3 answered 403/,
    ],
    [{ backedUpTo: ago(0.2), drill: { ...drill, at: ago(29) } }, 200, /drillAt/],
    [
      {
        backedUpTo: ago(0.2),
        drill: { ...drill, at: ago(31) },
        problems: { drill: 'a is damaged' },
      },
      503,
      /last restore drill that succeeded was at 20\S+: a is damaged/,
    ],
    [{ backedUpTo: ago(0.2) }, 503, /drill/],
    [{}, 503, /no backup since ever/],
  ]
  for (const [state, status, text] of cases) {
    set(state)
    const answer = await fetch(`${url}/healthz/backups`)
    assert.equal(answer.status, status, JSON.stringify(state))
    assert.match(await answer.text(), text)
  }
})

test('a server whose agent has not written anything yet has no backups', async (t) => {
  const { url } = await start(t)
  assert.equal((await fetch(`${url}/healthz/backups`)).status, 503)
  const series = parseMetrics(await (await fetch(`${url}/metrics`)).text())
  const found = series.filter(({ name }) => /offsite|drill/.test(name))
  assert.deepEqual(
    found.map(({ name, value }) => [name, value]),
    [
      ['onebox_offsite_backup_timestamp_seconds', 0],
      ['onebox_offsite_backup_interval_seconds', 900],
      ['onebox_offsite_backup_size_bytes', 0],
      ['onebox_restore_drill_timestamp_seconds', 0],
    ],
  )
})

test('GET /metrics has the times of backups and drills', async (t) => {
  const { url, set } = await start(t)
  const backup = { name: 'a', bytes: 4096, sequence: 1 }
  set({
    backedUpTo: '2026-11-28T09:15:00.5Z',
    backup,
    drill: { at: '2026-11-28T03:00:00Z', name: 'a' },
  })
  const text = await (await fetch(`${url}/metrics`)).text()
  assert.match(text, /^onebox_offsite_backup_timestamp_seconds\{worker="0"\} 1795857300$/m)
  assert.match(text, /^onebox_offsite_backup_size_bytes\{worker="0"\} 4096$/m)
  assert.match(text, /^onebox_restore_drill_timestamp_seconds\{worker="0"\} 1795834800$/m)
})

test('without a bucket nothing is overdue, and there are no such metrics', async (t) => {
  const url = await startServer(t)
  assert.equal((await fetch(`${url}/healthz/backups`)).status, 200)
  assert.doesNotMatch(await (await fetch(`${url}/metrics`)).text(), /offsite|drill/)
})
