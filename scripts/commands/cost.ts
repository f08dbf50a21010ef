import { styleText } from 'node:util'
import {
  ageDays,
  type Cost,
  type Line,
  monthlyCost,
  readPrices,
  usd,
  usualDatabaseMb,
} from '../stack/cost/monthly.ts'
import { defineCommand, UsageError } from '../terminal/command.ts'
import { json, region } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'
import { table } from '../terminal/table.ts'

const oldDays = 183

export default defineCommand({
  usage: '',
  about: `Prints what onebox costs on AWS per month, on demand and in US dollars, from the price list in
scripts/stack/cost/prices.json. Excludes taxes, traffic to the internet, other requests to S3,
copying backups to a second region and AWS's free tier.`,
  options: {
    region,
    'instance-type': {
      type: 'string',
      value: 'TYPE',
      default: 't4g.nano',
      help: 'EC2 instance type',
    },
    volume: {
      type: 'integer',
      value: 'GB',
      default: 8,
      range: [1, 16_384],
      help: 'size of the data volume',
    },
    database: {
      type: 'integer',
      value: 'MB',
      default: usualDatabaseMb,
      range: [1, 1_000_000],
      help: 'size of the data, for its backups',
    },
    machines: {
      type: 'integer',
      value: 'N',
      default: 1,
      range: [1, 10],
      help: 'how many machines; several have a load balancer',
    },
    'backup-region': { type: 'boolean', help: 'include backups in a second region' },
    alarms: { type: 'boolean', help: 'include alarms by e-mail' },
    json,
  },
  run({ region, volume: volumeGb, alarms, machines, json, ...options }) {
    if (region === undefined) throw new UsageError('Which region? Add --region eu-central-1')
    const config = {
      region,
      instanceType: options['instance-type'],
      volumeGb,
      databaseMb: options.database,
      backupBuckets: options['backup-region'] ? 2 : 1,
      alarms,
      machines,
    }
    const cost = monthlyCost(config, readPrices())
    if (json) return console.log(JSON.stringify(cost, null, 2))
    step(`onebox in ${region}, by prices of ${cost.date} (${cost.source})`)
    console.log(costText(cost, volumeGb))
    console.log(`\n${ageText(cost, Temporal.Now.plainDateISO())}`)
  },
})

export function costText(cost: Cost, volumeGb: number): string {
  const rows = cost.lines.map((line) => [line.what, countOf(line), unitOf(line), monthOf(line)])
  const isPartial = cost.lines.some(({ unitPrice }) => unitPrice === undefined)
  rows.push([isPartial ? 'at least' : 'total', '', '', usd(cost.perMonth)])
  const note = isPartial ? '?: no price could be verified\n' : ''
  return `${table(['what', 'how many', 'each', 'per month'], rows)}\n${note}\n${restText(cost, volumeGb)}`
}

function restText({ perMonth, whileStopped, afterDestroy = 0 }: Cost, volumeGb: number): string {
  if (whileStopped === undefined) {
    return `Excludes what a load balancer and DynamoDB charge by use: requests, data, restore points,
and CPU beyond the credits of burstable machines. Under load there are up to twice as many machines.`
  }
  const saved = usd(perMonth - whileStopped)
  const snapshots = afterDestroy > 0 ? `at most ${usd(afterDestroy)}` : 'a little'
  return `Stopping the instance saves ${saved} per month; the other ${usd(whileStopped)} continue.
After destroy, the final snapshot and up to seven daily ones cost ${snapshots} per month
for each full copy of ${volumeGb} GB, until you delete them.`
}

/** How old the prices are; in red if that may matter. */
export function ageText({ date }: Cost, today: Temporal.PlainDate): string {
  const days = ageDays(date, today)
  if (days <= oldDays) return `The prices are ${days} days old.`
  const cure = 'compare https://aws.amazon.com/ec2/pricing'
  return styleText('red', `THE PRICES ARE ${days} DAYS OLD and may be wrong: ${cure}`)
}

function countOf({ count, unit }: Line): string {
  return `${count} ${unit}`.trim()
}

function unitOf({ unitPrice }: Line): string {
  if (unitPrice === undefined) return '?'
  return unitPrice < 0.1 ? `$${unitPrice}` : usd(unitPrice)
}

function monthOf({ unitPrice, perMonth }: Line): string {
  return unitPrice === undefined ? '?' : usd(perMonth)
}
