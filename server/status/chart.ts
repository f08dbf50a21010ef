/*
 * Every function exported here is also sent to the browser as source: it may use those of the other
 * files that page.ts sends, and nothing else from outside itself.
 */

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
