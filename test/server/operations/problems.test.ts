import assert from 'node:assert/strict'
import test from 'node:test'
import { problemsOf } from '../../../server/operations/problems.ts'
import type { Series } from '../../../server/operations/series.ts'

const now = Date.parse('2026-11-21T12:00:00Z')
const worker = { worker: '0', release: 'a', startedAt: '2026-11-21T08:00:00Z', draining: false }
const live = { status: 'live' as const, at: '2026-11-21T08:00:00Z' }

function seriesWith(values: Record<string, number> = {}): Series[] {
  const healthy = {
    onebox_disk_free_bytes: 50,
    onebox_disk_bytes: 100,
    onebox_memory_available_bytes: 50,
    onebox_memory_bytes: 100,
    onebox_backup_last_success_timestamp_seconds: now / 1000 - 3600,
  }
  return Object.entries({ ...healthy, ...values }).map(([name, value]) => ({
    key: name,
    name,
    labels: {},
    value,
  }))
}

test('a healthy server has no problems, nor has one that reports little', () => {
  assert.deepEqual(problemsOf({ workers: [worker], deploy: live }, seriesWith(), 0, now), [])
  assert.deepEqual(problemsOf({ workers: [worker] }, [], 0, now), [])
  const https = { names: ['203.0.113.10'], expiresAt: '2026-11-24T12:00:00Z' }
  assert.deepEqual(problemsOf({ workers: [worker], https }, seriesWith(), 0, now), [])
  const noBackup = seriesWith({ onebox_backup_last_success_timestamp_seconds: 0 })
  assert.deepEqual(problemsOf({ workers: [worker] }, noBackup, 0, now), [])
})

const offsite = {
  onebox_offsite_backup_interval_seconds: 900,
  onebox_offsite_backup_timestamp_seconds: now / 1000 - 600,
  onebox_restore_drill_timestamp_seconds: now / 1000 - 20 * 3600,
}

test('a server with recent backups in its bucket has no problems', () => {
  const series = seriesWith(offsite)
  assert.deepEqual(problemsOf({ workers: [worker], deploy: live }, series, 0, now), [])
})

const troubles: [what: string, health: object, values: Record<string, number>, text: RegExp][] = [
  ['a failing worker', { problem: 'draining' }, {}, /^A worker is failing: draining\.$/],
  [
    'a rejected deploy',
    { deploy: { ...live, status: 'rejected', reason: 'It throws.' } },
    {},
    /^The deploy was rejected: It throws\.$/,
  ],
  [
    'a move that copies',
    { move: { status: 'copying' as const, other: 'wide' } },
    {},
    /^The data is being moved: the other side is wide\.$/,
  ],
  [
    'a move for which writes wait',
    { move: { status: 'writes wait' as const, other: 'wide' } },
    {},
    /^Writes wait for a move of the data: the other side is wide\. Run npx onebox move again, or with --cancel\.$/,
  ],
  [
    'a server whose data has moved',
    { move: { status: 'moved' as const, other: 'http://203.0.113.9' } },
    {},
    /^The data has moved to http:\/\/203\.0\.113\.9\.$/,
  ],
  [
    'a deploy that waits',
    { deploy: { ...live, status: 'waiting', reason: 'No S3' } },
    {},
    /^The deploy is waiting: No S3\.$/,
  ],
  [
    'two releases',
    { workers: [worker, { ...worker, release: 'b' }] },
    {},
    /run 2 different releases/,
  ],
  [
    'a certificate that cannot be renewed',
    { https: { names: ['203.0.113.10'], problem: 'The authority does not answer' } },
    {},
    /^HTTPS: The authority does not answer\.$/,
  ],
  [
    'a certificate about to expire',
    { https: { names: ['203.0.113.10'], expiresAt: '2026-11-23T11:30:00Z' } },
    {},
    /^The certificate expires in 47 hours\.$/,
  ],
  ['a worker that hangs', { silent: ['1'] }, {}, /^Not answering: worker 1\.$/],
  [
    'a clock that is wrong',
    {},
    { onebox_dynamodb_clock_error_seconds: 1200.4 },
    /^The clock is 1200 s off: check its time service\.$/,
  ],
  ['a full disk', {}, { onebox_disk_free_bytes: 9 }, /disk is nearly full/],
  ['little memory', {}, { onebox_memory_available_bytes: 9 }, /Memory is nearly used up/],
  [
    'an old backup',
    {},
    { onebox_backup_last_success_timestamp_seconds: now / 1000 - 27 * 3600 },
    /no backup from the last 26 hours/,
  ],
  [
    'an old backup in the bucket',
    {},
    { ...offsite, onebox_offsite_backup_timestamp_seconds: now / 1000 - 1.6 * 3600 },
    /^The bucket has no backup of the latest data\.$/,
  ],
  [
    'a restore drill that is overdue',
    {},
    { ...offsite, onebox_restore_drill_timestamp_seconds: 0 },
    /^The last restore drill is overdue or failed\.$/,
  ],
]

for (const [what, health, values, text] of troubles) {
  test(`${what} needs attention`, () => {
    const whole = { workers: [worker], deploy: live, ...health }
    const [problem = '', ...rest] = problemsOf(whole, seriesWith(values), 0, now)
    assert.match(problem, text)
    assert.deepEqual(rest, [])
  })
}

test('failed requests need attention', () => {
  assert.deepEqual(problemsOf({ workers: [worker] }, seriesWith(), 1234, now), [
    '1,234 requests failed in the last five minutes.',
  ])
})
