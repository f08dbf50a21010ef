/*
 * Every function exported here is also sent to the browser as source: it may use those of the other
 * files that page.ts sends, and nothing else from outside itself.
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
