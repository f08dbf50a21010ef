import assert from 'node:assert/strict'
import test from 'node:test'
import { isBackupDue, isDrillDue, type Memory } from '../../../server/offsite/memory.ts'

const backups: [what: string, backedUpTo: string | undefined, minutes: number, due: boolean][] = [
  ['the first', undefined, 15, true],
  ['one after 10 minutes', '2026-11-28T11:50:00Z', 15, false],
  ['one after 15 minutes', '2026-11-28T11:45:00Z', 15, true],
  ['one that the timer starts a second early', '2026-11-28T11:45:01Z', 15, true],
  ['one after a day', '2026-11-27T12:00:00Z', 1440, true],
  ['one after a backup from the future', '2026-11-28T13:00:00Z', 15, true],
]

for (const [what, backedUpTo, minutes, due] of backups) {
  test(`${what} is ${due ? '' : 'not '}due with a backup every ${minutes} minutes`, () => {
    const memory = backedUpTo === undefined ? {} : { backedUpTo }
    assert.equal(isBackupDue(memory, new Date('2026-11-28T12:00:00Z'), minutes), due)
  })
}

const backup = { name: 'onebox-20261128T020000Z', bytes: 1, sequence: 1 }
const done = (at: string): Memory => ({
  backup,
  drill: { at, name: backup.name },
  drillTriedAt: at,
})
const drills: [what: string, memory: Memory, now: string, due: boolean][] = [
  ['without a backup', {}, '2026-11-28T12:00:00Z', false],
  ['after the first backup', { backup }, '2026-11-28T12:00:00Z', true],
  ['by day', done('2026-11-28T03:00:04Z'), '2026-11-28T23:00:00Z', false],
  ['just before the night', done('2026-11-28T03:00:04Z'), '2026-11-29T02:59:00Z', false],
  ['at night', done('2026-11-28T03:00:04Z'), '2026-11-29T03:00:00Z', true],
  ['after a night switched off', done('2026-11-26T03:00:04Z'), '2026-11-28T01:00:00Z', true],
  [
    'minutes after one that failed',
    { ...done('2026-11-27T03:00:04Z'), drillTriedAt: '2026-11-28T03:00:04Z' },
    '2026-11-28T03:10:00Z',
    false,
  ],
  [
    'an hour after one that failed',
    { ...done('2026-11-27T03:00:04Z'), drillTriedAt: '2026-11-28T03:00:04Z' },
    '2026-11-28T04:00:05Z',
    true,
  ],
]

for (const [what, memory, now, due] of drills) {
  test(`a drill is ${due ? '' : 'not '}due ${what}`, () => {
    assert.equal(isDrillDue(memory, new Date(now)), due)
  })
}
