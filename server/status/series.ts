/*
 * Turns metrics into what the page shows. All functions exported here are sent to the browser as
 * source, so they may use each other and nothing else from outside themselves.
 */

/** One series of /metrics; `key` is its name with its labels. */
export interface Series {
  key: string
  name: string
  labels: Record<string, string>
  value: number
}

/** Reads the Prometheus text format as /metrics writes it. */
export function parseMetrics(text: string): Series[] {
  return [...text.matchAll(/^((\w+)\{(.*)\}) (\S+)$/gm)].map(([, key, name, labels, value]) => ({
    key: key as string,
    name: name as string,
    labels: Object.fromEntries(
      [...(labels as string).matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((pair) => pair.slice(1)),
    ),
    value: Number(value),
  }))
}

/** The growth of counters since `before`; one that shrank belongs to a new process and starts at 0. */
export function growth(before: Map<string, number>, series: Series[]): Series[] {
  return series.map((one) => {
    const known = before.get(one.key) ?? 0
    return { ...one, value: one.value < known ? one.value : one.value - known }
  })
}

/** Adds up a family, or the part that `fits`. */
export function total(
  series: Series[],
  name: string,
  fits: (labels: Record<string, string>) => boolean = () => true,
): number {
  return series
    .filter((one) => one.name === name && fits(one.labels))
    .reduce((sum, { value }) => sum + value, 0)
}

/** The largest of a family, for values that every worker reports alike. */
export function largest(series: Series[], name: string): number {
  return Math.max(0, ...series.filter((one) => one.name === name).map(({ value }) => value))
}

/** The value below which `share` of all are, from the buckets of a histogram; undefined without any. */
export function quantile(buckets: Series[], share: number): number | undefined {
  const counts = new Map<number, number>()
  for (const { labels, value } of buckets) {
    const bound = labels.le === '+Inf' ? Infinity : Number(labels.le)
    counts.set(bound, (counts.get(bound) ?? 0) + value)
  }
  const rank = share * (counts.get(Infinity) ?? 0)
  let [lower, below] = [0, 0]
  for (const [bound, count] of [...counts].sort((a, b) => a[0] - b[0])) {
    if (rank > 0 && count >= rank) {
      const width = bound === Infinity ? 0 : bound - lower
      return lower + (width * (rank - below)) / (count - below)
    }
    lower = bound
    below = count
  }
}

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
  const isLoad = ({ route = '' }) => route !== '/healthz' && route !== '/metrics'
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
      '5xx': rate('onebox_http_requests_total', ({ status }) => status?.[0] === '5'),
      connections: total(series, 'onebox_connections'),
      streams: total(series, 'onebox_event_streams'),
      cpu: rate('process_cpu_seconds_total'),
      memory: total(series, 'process_resident_memory_bytes'),
    },
  }
}

export function countStatuses(grown: Series[]): Record<string, number> {
  const statuses: Record<string, number> = {}
  for (const { name, labels, value } of grown) {
    const isDrop = name === 'onebox_connections_dropped_total'
    if (!isDrop && name !== 'onebox_http_requests_total') continue
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
    429: 'too many writes',
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

/** The end of a chart's scale: 1, 2 or 5 with zeros, so that it seldom changes. */
export function topOf(values: (number | undefined)[], unit: string): number {
  const one = unit === 'B' ? 2 ** 20 : 1
  const least = unit === 's' ? 0.001 : one
  const most = Math.max(least, ...values.filter((value) => value !== undefined))
  const power = 10 ** Math.floor(Math.log10(most / one))
  return one * power * ([1, 2, 5].find((step) => step * power >= most / one) ?? 10)
}

/** A line in a field of 300 by 100, broken at gaps. */
export function linePath(
  line: { at: number; value: number | undefined }[],
  scale: { from: number; to: number; top: number; gap: number },
): string {
  let last = -Infinity
  return line
    .map(({ at, value }) => {
      if (value === undefined) return ''
      const x = (300 * (at - scale.from)) / (scale.to - scale.from)
      const y = 100 - (100 * value) / scale.top
      const isNew = at - last > scale.gap
      last = at
      // A single point is visible only with a line to itself.
      return `${isNew ? `M${x.toFixed(1)},${y.toFixed(1)}` : ''}L${x.toFixed(1)},${y.toFixed(1)}`
    })
    .join('')
}

/** A number with its unit, short enough for a phone; undefined is a dash. */
export function format(value: number | undefined, unit = ''): string {
  if (value === undefined) return '–'
  if (unit === '%') return `${digits(value * 100)} %`
  if (unit === 's') return value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`
  if (unit !== 'B') return digits(value)
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, value)) / 10))
  return `${digits(value / 1024 ** power)} ${['B', 'KB', 'MB', 'GB', 'TB'][power]}`
}

/** Three digits, or all of those before the decimal point. */
export function digits(value: number): string {
  return value.toLocaleString('en', {
    maximumSignificantDigits: 3,
    maximumFractionDigits: 0,
    roundingPriority: 'morePrecision',
  })
}

/** A time span in one unit, such as "3 min". */
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}

/** The parts of /healthz that matter here. */
export interface Health {
  problem?: string
  workers: { worker: string; release: string; startedAt: string; draining: boolean }[]
  silent?: string[]
  deploy?: { status: string; release?: string; reason?: string; at: string }
}

/** What needs the operator's attention. */
export function problemsOf(
  health: Health,
  series: Series[],
  points: Point[],
  now: number,
): string[] {
  const { problem, workers, silent = [], deploy } = health
  const releases = new Set(workers.map(({ release }) => release))
  const share = (part: string, whole: string) => largest(series, part) / largest(series, whole)
  const backupAt = largest(series, 'onebox_backup_last_success_timestamp_seconds') * 1000
  const known = series.length > 0
  const failed = refusals(points)
    .filter(([status]) => status.startsWith('5'))
    .reduce((sum, [, , count]) => sum + count, 0)
  // An instance makes a backup every day, a laptop makes none.
  const needsBackup = known && deploy !== undefined && now - backupAt > 26 * 3_600_000
  const freeDisk = share('onebox_disk_free_bytes', 'onebox_disk_bytes')
  const freeMemory = share('onebox_memory_available_bytes', 'onebox_memory_bytes')
  const all: [holds: boolean, text: string][] = [
    [problem !== undefined, `A worker is failing: ${problem}.`],
    [deploy?.status === 'rejected', `The deploy was rejected: ${deploy?.reason}.`],
    [deploy?.status === 'waiting', `The deploy is waiting: ${deploy?.reason}.`],
    [failed > 0, `${digits(failed)} requests failed in the last five minutes.`],
    [silent.length > 0, `Not answering: ${silent.map((name) => `worker ${name}`).join(', ')}.`],
    [releases.size > 1, `The workers run ${releases.size} different releases.`],
    [freeDisk < 0.1, 'The disk is nearly full.'],
    [freeMemory < 0.1, 'Memory is nearly used up.'],
    [
      needsBackup,
      backupAt > 0 ? 'There is no backup from the last 26 hours.' : 'There is no backup yet.',
    ],
  ]
  return all.filter(([holds]) => holds).map(([, text]) => text.replace('..', '.'))
}
