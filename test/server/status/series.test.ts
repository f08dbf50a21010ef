import assert from 'node:assert/strict'
import test from 'node:test'
import { render } from '../../../server/operations/metrics.ts'
import * as series from '../../../server/status/series.ts'

const { format, growth, linePath, parseMetrics, pointOf, problemsOf, quantile, span, topOf } =
  series

const requests = (route: string, method: string, status: number, value: number, worker = '0') =>
  `onebox_http_requests_total{worker="${worker}",route="${route}",method="${method}",status="${status}"} ${value}\n`

function countersOf(text: string): Map<string, number> {
  return new Map(parseMetrics(text).map(({ key, value }) => [key, value]))
}

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

test('a point has the rates of both workers since the previous one, without monitoring requests', () => {
  const before = countersOf(requests('/', 'GET', 200, 10) + requests('/', 'PUT', 401, 1))
  const now = parseMetrics(
    requests('/', 'GET', 200, 20) +
      requests('/', 'GET', 200, 30, '1') +
      requests('/metrics', 'GET', 200, 500) +
      requests('/', 'PUT', 204, 4) +
      requests('/echo', 'PUT', 200, 2) +
      requests('/', 'PUT', 401, 5) +
      requests('/metrics', 'GET', 401, 2) +
      requests('/', 'GET', 503, 1) +
      'onebox_connections{worker="0"} 600\nonebox_connections{worker="1"} 400\n' +
      'onebox_connections_dropped_total{worker="0"} 3\n' +
      'process_cpu_seconds_total{worker="0"} 1\n',
  )
  const { values, statuses } = pointOf(before, now, { at: 0, seconds: 2 })
  assert.equal(values.requests, (10 + 30 + 4 + 2 + 4 + 1) / 2)
  assert.equal(values.writes, 2)
  assert.equal(values['4xx'], 3)
  assert.equal(values['5xx'], 0.5)
  assert.equal(values.connections, 1000)
  assert.equal(values.cpu, 0.5)
  assert.equal(values.p50, undefined)
  assert.equal(statuses[401], 6)
  assert.equal(statuses.none, 3)
})

test('the errors of several moments are added up by status, with what they mean', () => {
  const point = (statuses: Record<string, number>) => ({ at: 0, values: {}, statuses })
  const points = [point({ 200: 9, 401: 2, none: 0 }), point({ 304: 1, 401: 3, 507: 1, none: 4 })]
  assert.deepEqual(series.refusals(points), [
    ['401', 'no valid token', 5],
    ['507', 'disk full', 1],
    ['none', 'connections over the limit', 4],
  ])
})

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

const now = Date.parse('2026-11-21T12:00:00Z')
const worker = { worker: '0', release: 'a', startedAt: '2026-11-21T08:00:00Z', draining: false }
const live = { status: 'live', at: '2026-11-21T08:00:00Z' }

function seriesWith(values: Record<string, number> = {}): series.Series[] {
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
  assert.deepEqual(problemsOf({ workers: [worker], deploy: live }, seriesWith(), [], now), [])
  assert.deepEqual(problemsOf({ workers: [worker] }, [], [], now), [])
  const noBackup = seriesWith({ onebox_backup_last_success_timestamp_seconds: 0 })
  assert.deepEqual(problemsOf({ workers: [worker] }, noBackup, [], now), [])
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
  ['a worker that hangs', { silent: ['1'] }, {}, /^Not answering: worker 1\.$/],
  ['a full disk', {}, { onebox_disk_free_bytes: 9 }, /disk is nearly full/],
  ['little memory', {}, { onebox_memory_available_bytes: 9 }, /Memory is nearly used up/],
  [
    'an old backup',
    {},
    { onebox_backup_last_success_timestamp_seconds: now / 1000 - 27 * 3600 },
    /no backup from the last 26 hours/,
  ],
]

for (const [what, health, values, text] of troubles) {
  test(`${what} needs attention`, () => {
    const whole = { workers: [worker], deploy: live, ...health }
    const [problem = '', ...rest] = problemsOf(whole, seriesWith(values), [], now)
    assert.match(problem, text)
    assert.deepEqual(rest, [])
  })
}

test('requests failed by the server need attention, those failed by clients do not', () => {
  const health = { workers: [worker], deploy: live }
  const points = [{ at: 0, values: {}, statuses: { 401: 900, none: 7, 500: 2, 507: 1 } }]
  assert.deepEqual(problemsOf(health, seriesWith(), points, now), [
    '3 requests failed in the last five minutes.',
  ])
})
