/*
 * Every function exported here is also sent to the browser as source: it may use those of the other
 * files that page.ts sends, and nothing else from outside itself.
 */

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
