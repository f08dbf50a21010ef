/** 4609 as 4,609. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** 0.4 s (and no less than 0.1), 12 s, 3 min 20 s or 2 h 5 min. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0.1, seconds).toFixed(1)} s`
  if (seconds < 59.5) return `${Math.round(seconds)} s`
  if (seconds < 3570) return pair(Math.round(seconds), 60, 'min', 's')
  return pair(Math.round(seconds / 60), 60, 'h', 'min')
}

function pair(value: number, size: number, large: string, small: string): string {
  const rest = value % size
  return `${(value - rest) / size} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`
}

/** Such as `2026-11-21 09:30 UTC`, of an ISO 8601 time in UTC. */
export function minute(time: string): string {
  return `${time.replace('T', ' ').slice(0, 16)} UTC`
}
