// What onebox costs on AWS, from a price list: `npm run cost -- --region eu-central-1`.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { table } from '../bench/report/table.ts'
import {
  ageDays,
  type Cost,
  type Line,
  monthlyCost,
  type PriceList,
} from '../stack/cost/monthly.ts'
import { awsPriceList, refreshRegion } from '../stack/cost/refresh.ts'
import { integerOption, parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'
import { createProgress } from '../terminal/progress.ts'
import { step } from '../terminal/step.ts'

const ownPrices = join(import.meta.dirname, 'cost/prices.json')
const oldDays = 183

const help = `npm run cost -- --region REGION [options]

Shows what onebox costs on AWS a month, on demand and in US dollars, from the price list in
scripts/cost/prices.json. Taxes, traffic to the internet and AWS's free tier are left out.

  --region REGION        such as eu-central-1
  --instance-type TYPE   (default t4g.nano)
  --volume N             the size of the data volume in GB (default 8)
  --alarms               with alarms to an e-mail address
  --json                 as JSON
  --refresh              first gets the region's prices from AWS: one file of hundreds of
                         megabytes and four small ones, for everyone and without credentials
                         (tried with files in AWS's format, not yet with AWS's own)
  --prices FILE          another price list
  --from URL             a copy of AWS's files (default ${awsPriceList})
  --help                 this text`

if (import.meta.main) await runCommand(main)

async function main() {
  const options = parseOptions()
  if (options.refresh) await refresh(options)
  const cost = monthlyCost(options.config, readPrices(options.prices))
  if (options.json) return console.log(JSON.stringify(cost, null, 2))
  const { region, volumeGb } = options.config
  step(`onebox in ${region}, by prices of ${cost.date} (${cost.source})`)
  print(cost, volumeGb)
  warnIfOld(cost, region)
}

async function refresh({ prices, from, json, config }: ReturnType<typeof parseOptions>) {
  const { region, instanceType } = config
  const list = readPrices(prices)
  const known = Object.values(list.regions).flatMap(({ prices }) =>
    Object.keys(prices.instanceHour),
  )
  const progress = json ? undefined : createProgress('rows')
  const refreshed = await refreshRegion(region, {
    from,
    instanceTypes: [...new Set([...known, instanceType])],
    today: Temporal.Now.plainDateISO().toString(),
    onFile: (url) => progress?.say(`Reading ${url}`),
    onRow: (rows) => progress?.update(rows, undefined),
  }).finally(progress?.end)
  list.regions[region] = refreshed
  writeFileSync(`${prices}.new`, `${JSON.stringify(list, null, 2)}\n`)
  renameSync(`${prices}.new`, prices)
}

export function readPrices(file = ownPrices): PriceList {
  return JSON.parse(readFileSync(file, 'utf8'))
}

function print(cost: Cost, volumeGb: number) {
  const rows = cost.lines.map((line) => [line.what, countOf(line), unitOf(line), monthOf(line)])
  const lacks = cost.lines.some(({ unitPrice }) => unitPrice === undefined)
  rows.push([lacks ? 'at least' : 'total', '', '', usd(cost.perMonth)])
  console.log(table(['what', 'how many', 'each', 'a month'], rows))
  if (lacks) console.log('?: no price that could be verified; --refresh gets it from AWS')
  const saved = usd(cost.perMonth - cost.whileStopped)
  console.log(
    `\nStopping the instance saves ${saved} a month; the other ${usd(cost.whileStopped)} stay.`,
  )
  const snapshots = cost.afterDestroy > 0 ? `at most ${usd(cost.afterDestroy)}` : 'a little'
  console.log(`After destroying it, the final snapshot and up to seven daily ones cost ${snapshots} a month
for each full copy of ${volumeGb} GB, until you delete them.`)
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

export function usd(value: number): string {
  return `$${value.toFixed(2)}`
}

function warnIfOld({ date }: Cost, region: string) {
  const days = ageDays(date, Temporal.Now.plainDateISO())
  if (days <= oldDays) return console.log(`\nThe prices are ${days} days old.`)
  const cure = `npm run cost -- --refresh --region ${region}`
  console.error(styleText('red', `\nTHE PRICES ARE ${days} DAYS OLD and may be wrong: ${cure}`))
}

/** @throws {Error} one line that names the argument and the cure */
function parseOptions() {
  const { values } = parseArguments('cost', help, {
    options: {
      region: { type: 'string' },
      'instance-type': { type: 'string', default: 't4g.nano' },
      volume: { type: 'string', default: '8' },
      alarms: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      refresh: { type: 'boolean', default: false },
      prices: { type: 'string', default: ownPrices },
      from: { type: 'string', default: awsPriceList },
    },
  })
  const { region, 'instance-type': instanceType, volume, alarms, ...rest } = values
  if (region === undefined) throw new Error('Where is it to run? Add --region eu-central-1')
  if (!/^[a-z]+(-[a-z]+)+-\d$/.test(region)) {
    throw new Error(`--region must be like eu-central-1, got "${region}"`)
  }
  const volumeGb = integerOption('--volume', volume, [1, 16_384])
  return { ...rest, config: { region, instanceType, volumeGb, alarms } }
}
