import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { readPrices } from '../../scripts/commands/cost.ts'
import {
  ageDays,
  figureNames,
  monthlyCost,
  type PriceList,
} from '../../scripts/stack/cost/monthly.ts'
import { makeDataDir } from '../support/server.ts'
import { assertFailure, run, serve } from './command.ts'

const prices = {
  instanceHour: { 't4g.nano': 0.005 },
  publicIpv4Hour: 0.01,
  gp3GbMonth: 0.1,
  snapshotGbMonth: 0.05,
  s3GbMonth: 0.02,
  alarmMonth: 0.25,
  healthCheckMonth: 1,
}
const list: PriceList = {
  regions: { 'xx-test-1': { date: '2026-01-31', source: 'a test', prices, notVerified: {} } },
}
const config = { region: 'xx-test-1', instanceType: 't4g.nano', volumeGb: 10, alarms: false }

test('a month costs the sum of its lines', () => {
  const { lines, perMonth, whileStopped, afterDestroy } = monthlyCost(config, list)
  const months = lines.map(({ perMonth }) => Number(perMonth.toFixed(6)))
  assert.deepEqual(months, [3.65, 7.3, 0.8, 1, 0.5, 0.02])
  assert.equal(perMonth.toFixed(2), '13.27')
  assert.equal(whileStopped.toFixed(2), '9.62')
  assert.equal(afterDestroy.toFixed(2), '0.50')
})

test('alarms cost four alarms and a check from outside', () => {
  const quiet = monthlyCost(config, list)
  const loud = monthlyCost({ ...config, alarms: true }, list)
  assert.equal((loud.perMonth - quiet.perMonth).toFixed(2), '2.00')
})

test('what has no price is said to have none, and nothing is made up for it', () => {
  const { snapshotGbMonth: _, ...rest } = prices
  const region = { date: '2026-01-31', source: '', prices: rest, notVerified: {} }
  const { lines, perMonth } = monthlyCost(config, { regions: { 'xx-test-1': region } })
  assert.equal(lines.find(({ what }) => what.startsWith('snapshots'))?.unitPrice, undefined)
  assert.equal(perMonth.toFixed(2), '12.77')
  assert.throws(
    () => monthlyCost({ ...config, region: 'xx-test-2' }, list),
    /^Error: No price is known of xx-test-2: take one of xx-test-1, or get it by npm run cost/,
  )
  assert.throws(
    () => monthlyCost({ ...config, instanceType: 'm9.huge' }, list),
    /No price is known of m9\.huge: take one of t4g\.nano, or get it by .* m9\.huge$/,
  )
})

test('every region of the price list has a date, a source and each price or the reason for none', () => {
  const { regions } = readPrices()
  assert.ok(Object.keys(regions).length >= 7)
  for (const [name, region] of Object.entries(regions)) {
    assert.match(region.date, /^\d{4}-\d{2}-\d{2}$/, name)
    assert.ok(region.source, name)
    for (const figure of figureNames) {
      const isKnown = (region.prices[figure] ?? 0) > 0
      const isExcused = figure in region.notVerified
      assert.ok(isKnown !== isExcused, `${figure} in ${name}`)
    }
    for (const type of ['t4g.nano', 't4g.micro', 't4g.small', 't3.nano', 't3.micro', 't3.small']) {
      assert.ok((region.prices.instanceHour[type] ?? 0) > 0, `${type} in ${name}`)
    }
  }
})

test('the age of a price list counts whole days', () => {
  assert.equal(ageDays('2026-01-31', Temporal.PlainDate.from('2026-08-02')), 183)
})

test('cost prints each line, the total, and what stays when it is stopped or destroyed', async () => {
  const { s3GbMonth: _, ...known } = prices
  const region = { date: '2026-01-31', source: 'a test', prices: known, notVerified: {} }
  const args = [
    '--region',
    'xx-test-1',
    '--volume',
    '10',
    '--prices',
    fileOf({ 'xx-test-1': region }),
  ]
  const { code, out } = await run('cost.ts', args)
  assert.equal(code, 0)
  assert.match(out, /^→ onebox in xx-test-1, by prices of 2026-01-31 \(a test\)$/m)
  assert.match(out, /^t4g\.nano, on demand +730 h +\$0\.005 +\$3\.65$/m)
  assert.match(out, /^data volume, gp3 +10 GB +\$0\.10 +\$1\.00$/m)
  assert.match(out, /^bucket for releases, S3 +1 GB +\? +\?$/m)
  assert.match(out, /^at least +\$13\.25$/m)
  assert.match(out, /^Stopping the instance saves \$3\.65 a month; the other \$9\.60 stay\.$/m)
  assert.match(out, /^After destroying it, .* at most \$0\.50 a month$/m)
  const { perMonth } = JSON.parse((await run('cost.ts', [...args, '--json'])).out)
  assert.equal(perMonth.toFixed(2), '13.25')
})

test('cost is loud about prices of more than half a year', async () => {
  const file = fileOf({ 'xx-test-1': { date: '2020-01-01', source: 'x', prices, notVerified: {} } })
  const { code, error } = await run('cost.ts', ['--region', 'xx-test-1', '--prices', file])
  assert.equal(code, 0)
  assert.match(error, /THE PRICES ARE \d{4,} DAYS OLD and may be wrong: npm run cost -- --refresh/)
})

test('cost fails in one line where an argument makes no sense', async () => {
  assertFailure(await run('cost.ts', []), /^Where is it to run\? Add --region eu-central-1/)
  assertFailure(await run('cost.ts', ['--region', '../x']), /^--region must be like eu-central-1/)
  const noVolume = ['--region', 'eu-west-1', '--volume', '0']
  assertFailure(await run('cost.ts', noVolume), /^--volume must be an integer from 1 to 16384/)
})

// The columns of AWS's own files, as far as they come before those of its hardware.
const metadata = `"FormatVersion","v1.0"
"Disclaimer","This pricing list is for informational purposes only. All prices are subject to the additional terms included in the pricing pages on http://aws.amazon.com. All Free Tier prices are also subject to the terms included at https://aws.amazon.com/free/"
"Publication Date","2026-11-19T22:53:08Z"
"Version","20261119225308"
"OfferCode","AmazonEC2"
"SKU","OfferTermCode","RateCode","TermType","PriceDescription","EffectiveDate","StartingRange","EndingRange","Unit","PricePerUnit","Currency","RelatedTo","LeaseContractLength","PurchaseOption","OfferingClass","Product Family","serviceCode","Location","Location Type","usageType","operation","Region Code","serviceName"
`

interface Row {
  usage: string
  usd: string
  operation?: string
  from?: string
  term?: string
  zone?: string
}

function csv(rows: Row[]): string {
  return metadata + rows.map(rowText).join('\n')
}

function rowText({ usage, usd, operation, from = '0', term, zone }: Row): string {
  const sku = ['YQHNG5NBWUE3D67S', 'JRTCKXETXF', 'YQHNG5NBWUE3D67S.JRTCKXETXF.6YS6EN2CT7']
  const price = [term ?? 'OnDemand', `$${usd} per ""unit"", or so`, '2026-11-01', from, 'Inf']
  const rest = ['Hrs', usd, 'USD', '', '', '', '', 'x', 'AmazonEC2', 'EU', zone ?? 'AWS Region']
  const fields = [...sku, ...price, ...rest, usage, operation ?? '', 'eu-south-1', 'A, B']
  return Array.from(fields, (text) => (text ? `"${text}"` : '')).join(',')
}

const types = ['t4g.nano', 't3.nano']
const offers: Record<string, Row[]> = {
  '/offers/v1.0/aws/AmazonEC2/current/eu-south-1/index.csv': [
    ...types.flatMap((type, index) => [
      { usage: `EUS1-BoxUsage:${type}`, usd: '9', operation: 'RunInstances:0002' },
      { usage: `EUS1-BoxUsage:${type}`, usd: '8', operation: 'RunInstances', term: 'Reserved' },
      {
        usage: `MIL1-BoxUsage:${type}`,
        usd: '7',
        operation: 'RunInstances',
        zone: 'AWS Local Zone',
      },
      { usage: `EUS1-DedicatedUsage:${type}`, usd: '6', operation: 'RunInstances' },
      { usage: `EUS1-BoxUsage:${type}`, usd: `0.004${index}000000`, operation: 'RunInstances' },
      { usage: `EUS1-BoxUsage:${type}xl`, usd: '5', operation: 'RunInstances' },
    ]),
    { usage: 'EUS1-EBS:VolumeUsage.gp3', usd: '0.0924000000' },
    { usage: 'EUS1-EBS:SnapshotUsage.outposts', usd: '4' },
    { usage: 'EUS1-EBS:SnapshotUsage', usd: '0.0525000000' },
  ],
  '/offers/v1.0/aws/AmazonVPC/current/eu-south-1/index.csv': [
    { usage: 'EUS1-PublicIPv4:IdleAddress', usd: '3' },
    { usage: 'EUS1-PublicIPv4:InUseAddress', usd: '0.0050000000' },
  ],
  '/offers/v1.0/aws/AmazonS3/current/eu-south-1/index.csv': [
    { usage: 'EUS1-TimedStorage-ByteHrs', usd: '0.0220000000', from: '512000' },
    { usage: 'EUS1-TimedStorage-ByteHrs', usd: '0.0240000000' },
  ],
  '/offers/v1.0/aws/AmazonCloudWatch/current/eu-south-1/index.csv': [
    { usage: 'EUS1-CW:HighResAlarmMonitorUsage', usd: '0.3' },
    { usage: 'EUS1-CW:AlarmMonitorUsage', usd: '0.1100000000' },
  ],
  '/offers/v1.0/aws/AmazonRoute53/current/index.csv': [
    { usage: 'Health-Check-AWS', usd: '0.0000000000', zone: '' },
    { usage: 'Health-Check-AWS', usd: '0.5000000000', from: '50', zone: '' },
  ],
}

test("cost --refresh takes a region's prices from files in AWS's format", async (t) => {
  const from = await serve(t, ({ url = '' }, response) => {
    const rows = offers[url]
    response.writeHead(rows ? 200 : 403).end(rows && csv(rows))
  })
  const instanceHour = { 't4g.nano': 1, 't3.nano': 1 }
  const before = { date: '2020-01-01', source: 'x', prices: { instanceHour }, notVerified: {} }
  const file = fileOf({ 'eu-west-1': before })
  const args = ['--refresh', '--prices', file, '--from', from]
  const { code, out, error } = await run('cost.ts', [...args, '--region', 'eu-south-1', '--alarms'])
  assert.deepEqual({ code, error }, { code: 0, error: '' })
  assert.match(out, /^Reading http:.*\/AmazonEC2\/current\/eu-south-1\/index\.csv$/m)
  assert.match(out, /prices of \d{4}-.* \(AWS Price List, published 2026-11-19 or later\)/)
  const { regions } = readPrices(file)
  assert.deepEqual(regions['eu-west-1'], before)
  assert.deepEqual(regions['eu-south-1']?.prices, {
    instanceHour: { 't4g.nano': 0.004, 't3.nano': 0.0041 },
    gp3GbMonth: 0.0924,
    snapshotGbMonth: 0.0525,
    publicIpv4Hour: 0.005,
    s3GbMonth: 0.024,
    alarmMonth: 0.11,
    healthCheckMonth: 0.5,
  })
})

test('cost --refresh leaves the price list alone where a file or a price is missing', async (t) => {
  const file = fileOf({})
  const before = readFileSync(file, 'utf8')
  const args = ['--refresh', '--region', 'eu-south-1', '--prices', file, '--from']
  const closed = await serve(t, (_, response) => response.writeHead(403).end())
  assertFailure(
    await run('cost.ts', [...args, closed]),
    /answers 403: check the name of the region/,
  )
  const empty = await serve(t, (_, response) => response.end(csv([])))
  assertFailure(
    await run('cost.ts', [...args, empty]),
    /AmazonEC2.* has no price of BoxUsage:t4g\.nano: has AWS changed its format\?/,
  )
  assert.equal(readFileSync(file, 'utf8'), before)
})

function fileOf(regions: object): string {
  const file = join(makeDataDir(), 'prices.json')
  writeFileSync(file, JSON.stringify({ regions }))
  return file
}
