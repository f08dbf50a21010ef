import assert from 'node:assert/strict'
import test from 'node:test'
import { createToday } from '../../../server/birthdays/today.ts'

test('today begins and ends at midnight of the time zone, whichever way the clock is set', () => {
  let time = '2026-01-01T00:00:00Z'
  const today = createToday('Europe/Berlin', () => Date.parse(time))
  const days = [
    ['2026-03-28T22:59:59.999Z', '2026-03-28'],
    ['2026-03-28T23:00:00.000Z', '2026-03-29'],
    // A day of 23 hours.
    ['2026-03-29T21:59:59.999Z', '2026-03-29'],
    ['2026-03-29T22:00:00.000Z', '2026-03-30'],
    ['2026-03-29T21:59:59.999Z', '2026-03-29'],
    ['2027-03-29T12:00:00.000Z', '2027-03-29'],
  ] as const
  for (const [now, date] of days) {
    time = now
    assert.equal(today().toString(), date, now)
  }
})

test('today is right in a zone whose day begins at one o’clock', () => {
  let time = '2026-09-06T03:59:59.999Z'
  const today = createToday('America/Santiago', () => Date.parse(time))
  assert.equal(today().toString(), '2026-09-05')
  time = '2026-09-06T04:00:00.000Z'
  assert.equal(today().toString(), '2026-09-06')
})
