import { growth, largest, quantile, type Series, total } from '../operations/series.ts'

/*
 * Every function exported here is also sent to the browser as source: it may use those of the other
 * files that page.ts sends, and nothing else from outside itself.
 */

/** The values of a moment; rates are per second, times in seconds. */
export interface Point {
  at: number
  values: Record<string, number | undefined>
  /** Answers by status; "none" counts connections without an answer. */
  statuses: Record<string, number>
}

/** Sums up the last `seconds`, between the counters `before` and those in `series`. */
export function pointOf(
  before: Map<string, number>,
  series: Series[],
  { at, seconds }: { at: number; seconds: number },
): Point {
  const grown = growth(before, series)
  const rate = (name: string, fits?: (labels: Record<string, string>) => boolean) =>
    total(grown, name, fits) / seconds
  // Monitoring, as by this page, does not count as load.
  const isLoad = (labels: Record<string, string>) => !isCheck(labels) && labels.route !== '/metrics'
  const isWrite = ({ route, method = '', status }: Record<string, string>) =>
    ['PUT', 'POST', 'DELETE'].includes(method) && status?.[0] === '2' && route !== '/echo'
  const durations = grown.filter(
    ({ name, labels }) => name === 'onebox_http_request_duration_seconds_bucket' && isLoad(labels),
  )
  return {
    at,
    statuses: countStatuses(grown),
    values: {
      requests: rate('onebox_http_requests_total', isLoad),
      writes: rate('onebox_http_requests_total', isWrite),
      p50: quantile(durations, 0.5),
      p99: quantile(durations, 0.99),
      '4xx': rate('onebox_http_requests_total', ({ status }) => status?.[0] === '4'),
      '5xx': rate(
        'onebox_http_requests_total',
        (labels) => isLoad(labels) && labels.status?.[0] === '5',
      ),
      connections: total(series, 'onebox_connections'),
      streams: total(series, 'onebox_event_streams'),
      cpu: rate('process_cpu_seconds_total'),
      steal: largest(grown, 'onebox_cpu_steal_seconds_total') / seconds,
      memory: total(series, 'process_resident_memory_bytes'),
    },
  }
}

/** Its failure is an answer, not a failed request. */
export function isCheck({ route = '' }: Record<string, string>): boolean {
  return route.startsWith('/healthz')
}

export function countStatuses(grown: Series[]): Record<string, number> {
  const statuses: Record<string, number> = {}
  for (const { name, labels, value } of grown) {
    const isDrop = name === 'onebox_connections_dropped_total'
    if (!isDrop && (name !== 'onebox_http_requests_total' || isCheck(labels))) continue
    const status = labels.status ?? 'none'
    statuses[status] = value + (statuses[status] ?? 0)
  }
  return statuses
}

/** The errors among the answers of some points, with their meaning. */
export function refusals(points: Point[]): [status: string, meaning: string, count: number][] {
  const meanings: Record<string, string> = {
    400: 'bad request',
    401: 'no valid token',
    403: 'cross-site write',
    404: 'not found',
    405: 'method not allowed',
    412: 'outdated version',
    413: 'too large',
    415: 'unsupported type',
    429: 'too many requests',
    500: 'internal error',
    503: 'too busy',
    507: 'disk full',
    none: 'connections over the limit',
  }
  const counts = new Map<string, number>()
  for (const { statuses } of points) {
    for (const [status, count] of Object.entries(statuses)) {
      if (status >= '400' && count > 0) counts.set(status, count + (counts.get(status) ?? 0))
    }
  }
  return [...counts].sort().map(([status, count]) => [status, meanings[status] ?? '', count])
}

/** How many requests the server has failed. */
export function failuresOf(points: Point[]): number {
  return refusals(points)
    .filter(([status]) => status.startsWith('5'))
    .reduce((sum, [, , count]) => sum + count, 0)
}
