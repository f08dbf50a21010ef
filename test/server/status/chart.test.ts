import assert from 'node:assert/strict'
import test from 'node:test'
import { linePath, topOf } from '../../../server/status/chart.ts'

test('a line breaks at gaps and leaves out unknown values', () => {
  const scale = { from: 0, to: 300, top: 10, gap: 20 }
  const line = [
    { at: 0, value: 0 },
    { at: 10, value: 5 },
    { at: 15, value: undefined },
    { at: 20, value: 10 },
    { at: 100, value: 10 },
  ]
  const path = 'M0.0,100.0L0.0,100.0L10.0,50.0L20.0,0.0M100.0,0.0L100.0,0.0'
  assert.equal(linePath(line, scale), path)
  assert.equal(linePath([], scale), '')
})

test('a scale ends at 1, 2 or 5 with zeros, of megabytes in megabytes', () => {
  assert.equal(topOf([3, undefined, 12], ''), 20)
  assert.equal(topOf([100], ''), 100)
  assert.equal(topOf([0], ''), 1)
  assert.equal(topOf([], 's'), 0.001)
  assert.ok(Math.abs(topOf([0.0042], 's') - 0.005) < 1e-12)
  assert.equal(topOf([150 * 2 ** 20], 'B'), 200 * 2 ** 20)
})
