import assert from 'node:assert/strict'
import test from 'node:test'
import { render } from '../../../server/operations/metrics.ts'
import { growth, parseMetrics, quantile } from '../../../server/operations/series.ts'

test('metrics are parsed as they were rendered, whatever the labels contain', () => {
  const samples = [{ labels: { path: 'a"b\\c d,e="f"}' }, value: 1.5e-7 }, { value: 2 }]
  const families = [{ name: 'a_total', help: 'Help {of} 1', type: 'counter' as const, samples }]
  const [odd, plain, ...rest] = parseMetrics(render([{ worker: '0', families }]))
  assert.equal(odd?.value, 1.5e-7)
  assert.deepEqual(plain, {
    key: 'a_total{worker="0"}',
    name: 'a_total',
    labels: { worker: '0' },
    value: 2,
  })
  assert.deepEqual(rest, [])
})

test('a counter that shrank belongs to a new process and counts from 0, as does a new counter', () => {
  const before = countersOf('a{worker="0"} 100\na{worker="1"} 50\n')
  const grown = growth(
    before,
    parseMetrics('a{worker="0"} 130\na{worker="1"} 20\na{worker="2"} 7\n'),
  )
  assert.deepEqual(
    grown.map(({ value }) => value),
    [30, 20, 7],
  )
})

test('a quantile is interpolated within its bucket, over all routes and workers', () => {
  const bucket = (le: string, value: number, route = '/') => ({
    key: '',
    name: 'bucket',
    labels: { le, route },
    value,
  })
  const one = [bucket('0.1', 50), bucket('0.2', 90), bucket('+Inf', 100)]
  assert.equal(quantile(one, 0.25), 0.05)
  assert.equal(quantile(one, 0.5), 0.1)
  assert.ok(Math.abs((quantile(one, 0.7) as number) - 0.15) < 1e-9)
  assert.equal(quantile(one, 0.99), 0.2, 'beyond the last bound, that is all that is known')
  const two = [
    ...one,
    bucket('0.1', 100, '/b'),
    bucket('0.2', 100, '/b'),
    bucket('+Inf', 100, '/b'),
  ]
  assert.ok(Math.abs((quantile(two, 0.75) as number) - 0.1) < 1e-9)
  assert.equal(quantile([], 0.5), undefined)
  assert.equal(quantile([bucket('0.1', 0), bucket('+Inf', 0)], 0.99), undefined)
})

function countersOf(text: string): Map<string, number> {
  return new Map(parseMetrics(text).map(({ key, value }) => [key, value]))
}
