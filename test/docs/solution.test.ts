import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import test from 'node:test'
import benchmark from '../../docs/benchmark.json' with { type: 'json' }
import { monthlyCost, readPrices, usd } from '../../scripts/stack/cost/monthly.ts'

const solution = readFileSync(resolve(import.meta.dirname, '../../docs/solution.md'), 'utf8')

test('the solution states the price that npx onebox cost prints', () => {
  const config = {
    region: 'us-east-1',
    instanceType: 't4g.nano',
    volumeGb: 8,
    alarms: false,
  }
  const { perMonth, date } = monthlyCost(config, readPrices())
  assert.ok(solution.includes(`costs ${usd(perMonth)} a month`), usd(perMonth))
  assert.ok(solution.includes(`us-east-1 as of ${date}`), date)
})

test('the solution states the figures of the benchmark that it shows', () => {
  const { get, put, putSlow } = benchmark.results
  const ours = [get, put, putSlow].map((scenario) => medianOf('onebox', scenario))
  const theirs = [put, putSlow].map((scenario) => medianOf('Fastify', scenario))
  for (const figure of [...ours, ...theirs]) assert.ok(solution.includes(figure), figure)
})

function medianOf(name: string, scenario: { name: string; median: number }[]): string {
  return scenario.find((one) => one.name === name)?.median.toLocaleString('en') ?? name
}
