import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface CostConfig {
  region: string
  instanceType: string
  /** The data volume. */
  volumeGb: number
  /** The size of the data, for its backups. */
  databaseMb?: number
  /** Two with a second region. */
  backupBuckets?: number
  /** Whether alarms go to an e-mail address. */
  alarms: boolean
  /** More than one have a load balancer and DynamoDB instead of a data volume. */
  machines?: number
}

export interface PriceList {
  regions: Record<string, RegionPrices>
}

interface RegionPrices {
  /** When the prices were read. */
  date: string
  source: string
  prices: Prices
  /** Why a price is missing. */
  notVerified: Record<string, string>
}

/** In US dollars; what could not be verified is left out. */
interface Prices extends Partial<Record<Figure, number>> {
  instanceHour: Record<string, number>
}

export const figureNames = [
  'publicIpv4Hour',
  'gp3GbMonth',
  'snapshotGbMonth',
  's3GbMonth',
  's3GetThousand',
  'alarmMonth',
  'healthCheckMonth',
] as const
type Figure = (typeof figureNames)[number]

export interface Line {
  what: string
  count: number
  unit: string
  /** Undefined if no price is known. */
  unitPrice: number | undefined
  perMonth: number
  /** Whether it is paid while the instance is stopped as well. */
  isKeptStopped: boolean
}

export interface Cost {
  lines: Line[]
  /** A lower bound if a line has no price. */
  perMonth: number
  /** Absent with several machines, as is `afterDestroy`. */
  whileStopped?: number
  /** For the snapshots that stay. */
  afterDestroy?: number
  date: string
  source: string
}

// AWS reckons a month as 730 hours in its own examples.
const hoursPerMonth = 730
export const usualDatabaseMb = 10
// What provisioning/ makes besides the data volume.
const rootVolumeGb = 8
const alarmCount = 7
const healthCheckCount = 4
// The archives of a month's releases and what they replaced.
const bucketGb = 1
// One every three seconds, by userdata/converge.sh.
const questions = (hoursPerMonth * 3600) / 3
// One every 15 minutes for three days, and one a day for two months, until the last version expires.
const backupCount = 3 * 96 + 61

/**
 * What onebox costs a month on demand, without taxes, traffic and AWS's free tier.
 * @throws {Error} naming what has no price, and the cure
 */
export function monthlyCost(config: CostConfig, { regions }: PriceList): Cost {
  const { instanceType, volumeGb } = config
  const { prices, date, source } = regions[config.region] ?? refuse(config, 'region', regions)
  const perHour = prices.instanceHour[instanceType]
  const instance = perHour ?? refuse(config, 'instanceType', prices.instanceHour)
  if ((config.machines ?? 1) > 1) {
    const lines = fleetLines(config, prices, instance)
    return { lines, perMonth: sum(lines), date, source }
  }
  const snapshots = line(
    'snapshots of the data, one full copy',
    volumeGb,
    'GB',
    prices.snapshotGbMonth,
  )
  const lines = [
    { ...line(`${instanceType}, on demand`, hoursPerMonth, 'h', instance), isKeptStopped: false },
    line('public IPv4 address', hoursPerMonth, 'h', prices.publicIpv4Hour),
    line('root volume, gp3', rootVolumeGb, 'GB', prices.gp3GbMonth),
    line('data volume, gp3', volumeGb, 'GB', prices.gp3GbMonth),
    snapshots,
    line('bucket for releases, S3', bucketGb, 'GB', prices.s3GbMonth),
    {
      ...line('asking S3 for changes', questions / 1000, 'thousand', prices.s3GetThousand),
      isKeptStopped: false,
    },
    line('backups, S3, at most', backupsGb(config), 'GB', prices.s3GbMonth),
    ...(config.alarms ? alarmLines(prices) : []),
  ]
  return {
    lines,
    perMonth: sum(lines),
    whileStopped: sum(lines.filter(({ isKeptStopped }) => isKeptStopped)),
    afterDestroy: snapshots.perMonth,
    date,
    source,
  }
}

// What provisioning/fleet/ makes; no published price of the others could be checked.
const notVerified = undefined
const zonesLimit = 3
const workersPerMachine = 2
const heartbeatsPerHour = 360
// One of unserved, two of errors, six of throttled, and one of outside.
const alarmMetrics = 10

function fleetLines(config: CostConfig, prices: Prices, instance: number): Line[] {
  const { instanceType, machines = 2, alarms } = config
  const addresses = machines + Math.min(machines, zonesLimit)
  const heartbeats = machines * workersPerMachine * heartbeatsPerHour * hoursPerMonth
  return [
    line(`${instanceType}, on demand`, machines * hoursPerMonth, 'h', instance),
    line('public IPv4 addresses', addresses * hoursPerMonth, 'h', prices.publicIpv4Hour),
    line('root volumes, gp3', machines * rootVolumeGb, 'GB', prices.gp3GbMonth),
    line('bucket for releases, S3', bucketGb, 'GB', prices.s3GbMonth),
    line('asking S3 for changes', (machines * questions) / 1000, 'thousand', prices.s3GetThousand),
    line('load balancer', hoursPerMonth, 'h', notVerified),
    line('DynamoDB, writes while idle', Math.round(heartbeats / 1e4) / 100, 'million', notVerified),
    line('metrics of CloudWatch alarms', alarms ? alarmMetrics : 1, '', prices.alarmMonth),
    ...(alarms ? [line('Route 53 health check', 1, '', prices.healthCheckMonth)] : []),
  ]
}

/** If the data always changes and cannot be compressed. */
function backupsGb({ databaseMb = usualDatabaseMb, backupBuckets = 1 }: CostConfig): number {
  return Math.ceil(backupCount * backupBuckets * databaseMb) / 1000
}

function alarmLines({ alarmMonth, healthCheckMonth }: Prices): Line[] {
  return [
    line('CloudWatch alarms', alarmCount, '', alarmMonth),
    line('Route 53 health checks', healthCheckCount, '', healthCheckMonth),
  ]
}

function line(what: string, count: number, unit: string, unitPrice: number | undefined): Line {
  return { what, count, unit, unitPrice, perMonth: count * (unitPrice ?? 0), isKeptStopped: true }
}

function sum(lines: Line[]): number {
  return lines.reduce((total, { perMonth }) => total + perMonth, 0)
}

function refuse(config: CostConfig, name: 'region' | 'instanceType', known: object): never {
  const list = Object.keys(known).join(', ')
  throw new Error(`No price is known for ${config[name]}: choose one of ${list}`)
}

export function readPrices(): PriceList {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'prices.json'), 'utf8'))
}

export function usd(value: number): string {
  return `$${value.toFixed(2)}`
}

/** The age of a price list in whole days. */
export function ageDays(date: string, today: Temporal.PlainDate): number {
  return Temporal.PlainDate.from(date).until(today, { largestUnit: 'days' }).days
}
