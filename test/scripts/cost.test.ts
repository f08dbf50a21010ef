import assert from 'node:assert/strict'
import test from 'node:test'
import { ageText, costText } from '../../scripts/commands/cost.ts'
import {
  ageDays,
  figureNames,
  monthlyCost,
  type PriceList,
  readPrices,
} from '../../scripts/stack/cost/monthly.ts'
import { assertFailure, run } from './command.ts'

const prices = {
  instanceHour: { 't4g.nano': 0.005 },
  publicIpv4Hour: 0.01,
  gp3GbMonth: 0.1,
  snapshotGbMonth: 0.05,
  s3GbMonth: 0.02,
  s3GetThousand: 0.0005,
  alarmMonth: 0.25,
  healthCheckMonth: 1,
}
const list: PriceList = {
  regions: { 'xx-test-1': { date: '2026-01-31', source: 'a test', prices, notVerified: {} } },
}
const config = {
  region: 'xx-test-1',
  instanceType: 't4g.nano',
  volumeGb: 10,
  databaseMb: 100,
  backupBuckets: 1,
  alarms: false,
}

test('a month costs the sum of its lines', () => {
  const { lines, perMonth, whileStopped, afterDestroy } = monthlyCost(config, list)
  const months = lines.map(({ perMonth }) => Number(perMonth.toFixed(6)))
  assert.deepEqual(months, [3.65, 7.3, 0.8, 1, 0.5, 0.02, 0.438, 0.698])
  assert.equal(perMonth.toFixed(2), '14.41')
  assert.equal(whileStopped?.toFixed(2), '10.32')
  assert.equal(afterDestroy?.toFixed(2), '0.50')
})

test('several machines cost their addresses and disks, and what has no verified price is marked', () => {
  const cost = monthlyCost({ ...config, machines: 2 }, list)
  const months = Object.fromEntries(cost.lines.map(({ what, perMonth }) => [what, perMonth]))
  assert.equal(months['t4g.nano, on demand']?.toFixed(2), '7.30')
  // Two of the machines, and two of the load balancer.
  assert.equal(months['public IPv4 addresses']?.toFixed(2), '29.20')
  assert.equal(months['root volumes, gp3']?.toFixed(2), '1.60')
  const unknown = cost.lines.filter(({ unitPrice }) => unitPrice === undefined)
  assert.deepEqual(
    unknown.map(({ what }) => what),
    ['load balancer', 'DynamoDB, writes while idle'],
  )
  const out = costText(cost, 8)
  assert.match(out, /^at least +\$39\.25$/m)
  assert.match(out, /^load balancer +730 h +\? +\?$/m)
  assert.doesNotMatch(out, /snapshot|Stopping/)
  const three = monthlyCost({ ...config, machines: 5 }, list).lines
  assert.equal(three.find(({ what }) => what.startsWith('public'))?.count, (5 + 3) * 730)
})

test('alarms cost seven CloudWatch alarms and four health checks', () => {
  const quiet = monthlyCost(config, list)
  const loud = monthlyCost({ ...config, alarms: true }, list)
  assert.equal((loud.perMonth - quiet.perMonth).toFixed(2), '5.75')
})

test('a line without a price says so, and the total is marked as partial', () => {
  const { snapshotGbMonth: _, ...rest } = prices
  const region = { date: '2026-01-31', source: '', prices: rest, notVerified: {} }
  const { lines, perMonth } = monthlyCost(config, { regions: { 'xx-test-1': region } })
  assert.equal(lines.find(({ what }) => what.startsWith('snapshots'))?.unitPrice, undefined)
  assert.equal(perMonth.toFixed(2), '13.91')
  assert.throws(
    () => monthlyCost({ ...config, region: 'xx-test-2' }, list),
    /^Error: No price is known for xx-test-2: choose one of xx-test-1$/,
  )
  assert.throws(
    () => monthlyCost({ ...config, instanceType: 'm9.huge' }, list),
    /No price is known for m9\.huge: choose one of t4g\.nano$/,
  )
})

test('every region of the price list has a date, a source, and each price or the reason it is missing', () => {
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

test('cost prints each line, the total, and the cost while stopped and after destroy', () => {
  const { s3GbMonth: _, ...known } = prices
  const region = { date: '2026-01-31', source: 'a test', prices: known, notVerified: {} }
  const out = costText(monthlyCost(config, { regions: { 'xx-test-1': region } }), 10)
  assert.match(out, /^t4g\.nano, on demand +730 h +\$0\.005 +\$3\.65$/m)
  assert.match(out, /^data volume, gp3 +10 GB +\$0\.10 +\$1\.00$/m)
  assert.match(out, /^bucket for releases, S3 +1 GB +\? +\?$/m)
  assert.match(out, /^at least +\$13\.69$/m)
  assert.match(
    out,
    /^Stopping the instance saves \$4\.09 per month; the other \$9\.60 continue\.$/m,
  )
  assert.match(out, /^After destroy, .* at most \$0\.50 per month$/m)
})

test('cost warns of prices older than half a year', () => {
  const cost = monthlyCost(config, list)
  assert.equal(ageText(cost, Temporal.PlainDate.from('2026-08-02')), 'The prices are 183 days old.')
  assert.match(ageText(cost, Temporal.PlainDate.from('2026-08-03')), /THE PRICES ARE 184 DAYS OLD/)
})

test('cost prints a region of its price list as text and as JSON', async () => {
  const args = ['--region', 'eu-west-1']
  const { code, out } = await run('cost', args)
  assert.equal(code, 0)
  assert.match(out, /^→ onebox in eu-west-1, by prices of \d{4}-\d\d-\d\d/m)
  const { perMonth } = JSON.parse((await run('cost', [...args, '--json'])).out)
  assert.equal(
    perMonth,
    monthlyCost({ ...config, region: 'eu-west-1', volumeGb: 8 }, readPrices()).perMonth,
  )
})

test('cost rejects bad arguments in one line', async () => {
  assertFailure(await run('cost', []), /^Which region\? Add --region eu-central-1/, 2)
  assertFailure(
    await run('cost', ['--region', 'mars-1']),
    /^No price is known for mars-1: choose one of/,
  )
  const noVolume = ['--region', 'eu-west-1', '--volume', '0']
  assertFailure(await run('cost', noVolume), /^--volume must be an integer from 1 to 16384/, 2)
})
