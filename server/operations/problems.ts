import type { Health } from './health.ts'
import { largest, type Series } from './series.ts'

/*
 * Every function exported here is also sent to the browser as source: it may use those of the other
 * files that page.ts sends, and nothing else from outside itself.
 */

/** What may go wrong while the site answers, for an alarm; shares are what is left, from 0 to 1. */
export function attentionNeeded(
  { silent = [], deploy }: Pick<Health, 'silent' | 'deploy'>,
  { disk, memory }: { disk: number; memory: number },
): string[] {
  const all: [holds: boolean, text: string][] = [
    [deploy?.status === 'rejected', `The deploy was rejected: ${deploy?.reason}.`],
    [silent.length > 0, `Not answering: ${silent.map((name) => `worker ${name}`).join(', ')}.`],
    [disk < 0.1, 'The disk is nearly full.'],
    [memory < 0.1, 'Memory is nearly used up.'],
  ]
  return all.filter(([holds]) => holds).map(([, text]) => text.replace('..', '.'))
}

/** What needs the operator's attention; `failed` is the number of failed requests of late. */
export function problemsOf(
  {
    problem,
    workers,
    silent = [],
    deploy,
    https,
    move,
  }: Pick<Health, 'problem' | 'workers' | 'silent' | 'deploy' | 'https' | 'move'>,
  series: Series[],
  failed: number,
  now: number,
): string[] {
  const releases = new Set(workers.map(({ release }) => release))
  // An instance makes a backup every day; a laptop makes none, nor does one with its data in DynamoDB.
  const isElsewhere = series.some(({ name }) => name.startsWith('onebox_dynamodb_'))
  const needsBackup = deploy !== undefined && series.length > 0 && !isElsewhere
  const hoursLeft = hoursUntil(https?.expiresAt, now)
  const clockError = largest(series, 'onebox_dynamodb_clock_error_seconds')
  const left = {
    disk: shareOf(series, 'onebox_disk_free_bytes', 'onebox_disk_bytes'),
    memory: shareOf(series, 'onebox_memory_available_bytes', 'onebox_memory_bytes'),
  }
  const all: [holds: boolean, text: string][] = [
    [problem !== undefined, `A worker is failing: ${problem}.`],
    [move?.status === 'copying', `The data is being moved: the other side is ${move?.other}.`],
    [
      move?.status === 'writes wait',
      `Writes wait for a move of the data: the other side is ${move?.other}. Run npx onebox move again, or with --cancel.`,
    ],
    [move?.status === 'moved', `The data has moved to ${move?.other}.`],
    [deploy?.status === 'waiting', `The deploy is waiting: ${deploy?.reason}.`],
    [https?.problem !== undefined, `HTTPS: ${https?.problem}.`],
    [
      hoursLeft > 0 && isOverdue(hoursLeft),
      `The certificate expires in ${Math.floor(hoursLeft)} hours.`,
    ],
    [clockError > 0, `The clock is ${Math.round(clockError)} s off: check its time service.`],
    [failed > 0, `${failed.toLocaleString('en')} requests failed in the last five minutes.`],
    [releases.size > 1, `The workers run ${releases.size} different releases.`],
    [
      needsBackup && hoursSinceBackup(series, now) > 26,
      'There is no backup from the last 26 hours.',
    ],
    [
      isOffsiteOverdue(...offsiteHours(series, now)),
      'The bucket has no backup of the latest data.',
    ],
    [isDrillOverdue(hoursSinceDrill(series, now)), 'The last restore drill is overdue or failed.'],
  ]
  const others = all.filter(([holds]) => holds).map(([, text]) => text.replace('..', '.'))
  return [...attentionNeeded({ silent, deploy }, left), ...others]
}

/** How old the last backup in the bucket is, and how often there should be one; NaN without a bucket. */
export function offsiteHours(series: Series[], now: number): [age: number, every: number] {
  const every = largest(series, 'onebox_offsite_backup_interval_seconds') / 3600
  const at = largest(series, 'onebox_offsite_backup_timestamp_seconds')
  return every > 0 ? [(now / 1000 - at) / 3600, every] : [Number.NaN, Number.NaN]
}

/** NaN without a bucket for backups. */
export function hoursSinceDrill(series: Series[], now: number): number {
  const at = largest(series, 'onebox_restore_drill_timestamp_seconds')
  const [age] = offsiteHours(series, now)
  return Number.isNaN(age) ? age : (now / 1000 - at) / 3600
}

/** After two backups and an hour without one. */
export function isOffsiteOverdue(ageHours: number, everyHours: number): boolean {
  return ageHours > 2 * everyHours + 1
}

/** It comes once a night. */
export function isDrillOverdue(ageHours: number): boolean {
  return ageHours > 30
}

/** NaN without a time. */
export function hoursUntil(time: string | undefined, now: number): number {
  return (Date.parse(time ?? '') - now) / 3_600_000
}

/** Whether a certificate with so many hours left should have been renewed, or is missing. */
export function isOverdue(hoursLeft: number): boolean {
  return !(hoursLeft >= 48)
}

/** NaN without these metrics. */
export function shareOf(series: Series[], part: string, whole: string): number {
  return largest(series, part) / largest(series, whole)
}

export function hoursSinceBackup(series: Series[], now: number): number {
  return (now / 1000 - largest(series, 'onebox_backup_last_success_timestamp_seconds')) / 3600
}
