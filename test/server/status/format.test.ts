import assert from 'node:assert/strict'
import test from 'node:test'
import { format, span } from '../../../server/status/format.ts'

test('numbers are short and have their unit', () => {
  const cases: [number | undefined, string, string][] = [
    [undefined, 's', '–'],
    [0, '', '0'],
    [12_345.6, '', '12,346'],
    [1.2345, '', '1.23'],
    [0.000_123, 's', '0.123 ms'],
    [2.5, 's', '2.5 s'],
    [0.4, '%', '40 %'],
    [0, 'B', '0 B'],
    [24_576, 'B', '24 KB'],
    [1.5 * 2 ** 30, 'B', '1.5 GB'],
  ]
  for (const [value, unit, text] of cases) assert.equal(format(value, unit), text)
})

test('a time span has one unit', () => {
  const spans = [-1, 59, 60, 7199, 7200, 47 * 3600, 49 * 3600].map(span)
  assert.deepEqual(spans, ['0 s', '59 s', '1 min', '1 h', '2 h', '47 h', '2 days'])
})
