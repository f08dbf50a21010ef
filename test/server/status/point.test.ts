import assert from 'node:assert/strict'
import test from 'node:test'
import { parseMetrics } from '../../../server/operations/series.ts'
import { failuresOf, pointOf, refusals } from '../../../server/status/point.ts'

const requests = (route: string, method: string, status: number, value: number, worker = '0') =>
  `onebox_http_requests_total{worker="${worker}",route="${route}",method="${method}",status="${status}"} ${value}\n`

function countersOf(text: string): Map<string, number> {
  return new Map(parseMetrics(text).map(({ key, value }) => [key, value]))
}

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

test('a health check that fails is neither load nor a failed request', () => {
  const now = parseMetrics(
    requests('/healthz/attention', 'GET', 503, 8) +
      requests('/healthz', 'GET', 503, 2) +
      requests('/', 'GET', 503, 1),
  )
  const point = pointOf(new Map(), now, { at: 0, seconds: 1 })
  assert.deepEqual([point.values.requests, point.values['5xx'], failuresOf([point])], [1, 1, 1])
})

test('the errors of several moments are added up by status, with what they mean', () => {
  const point = (statuses: Record<string, number>) => ({ at: 0, values: {}, statuses })
  const points = [point({ 200: 9, 401: 2, none: 0 }), point({ 304: 1, 401: 3, 507: 1, none: 4 })]
  assert.deepEqual(refusals(points), [
    ['401', 'no valid token', 5],
    ['507', 'disk full', 1],
    ['none', 'connections over the limit', 4],
  ])
})

test('requests failed by the server count as failures, those failed by clients do not', () => {
  const points = [{ at: 0, values: {}, statuses: { 401: 900, none: 7, 500: 2, 507: 1 } }]
  assert.equal(failuresOf(points), 3)
})
