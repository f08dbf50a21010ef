import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseCoreList } from '../../scripts/bench/cores.ts'
import { syncsEach } from '../../scripts/bench/fsyncs.ts'
import { movieAt, shuffled } from '../../scripts/bench/movies.ts'
import { declarations, isWholeRun, readOptions } from '../../scripts/bench/options.ts'
import { goals } from '../../scripts/bench/report/goals.ts'
import { drawHistory, entryOf } from '../../scripts/bench/report/history.ts'
import { drawPlot } from '../../scripts/bench/report/plot.ts'
import { handshakesOf, type Report, rateOf } from '../../scripts/bench/report/results.ts'
import { median, percentile } from '../../scripts/bench/report/statistics.ts'
import { alternate } from '../../scripts/bench/rounds.ts'
import { table } from '../../scripts/terminal/table.ts'

const standard = {
  ...{ quick: false, 'ten-million': false, rounds: undefined, seconds: undefined },
  only: declarations.only.default,
}

test('the median is the middle value, or the mean of the middle two', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([9, 1, 5, 7]), 6)
})

test('a percentile is a measured value', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index)
  assert.equal(percentile(values, 50), 100)
  assert.equal(percentile(values, 99), 198)
  assert.equal(percentile([3], 99), 3)
})

test('each round starts with another contestant, and results keep the order of contestants', async () => {
  const order: string[] = []
  const results = await alternate(2, ['a', 'b', 'c'], async (name, round) => {
    order.push(name)
    return name + round
  })
  assert.equal(order.join(''), 'abcbca')
  assert.deepEqual(results, [
    ['a1', 'a2'],
    ['b1', 'b2'],
    ['c1', 'c2'],
  ])
})

test('an unknown scenario is a usage error', () => {
  assert.throws(() => readOptions({ ...standard, only: 'get,post' }), /--only must be .*"post"/)
})

test('only a run of everything at full length counts as complete', () => {
  assert.equal(isWholeRun(readOptions(standard)), true)
  assert.equal(isWholeRun(readOptions({ ...standard, quick: true })), false)
  assert.equal(isWholeRun(readOptions({ ...standard, seconds: 1 })), false)
  assert.equal(isWholeRun(readOptions({ ...standard, only: 'get' })), false)
})

test("the list of cores is parsed in the kernel's notation", () => {
  assert.deepEqual(parseCoreList('0-2,5'), [0, 1, 2, 5])
})

test('the made-up movies are in order, and each is inserted once', () => {
  const places = new Set(Array.from({ length: 1000 }, (_, step) => shuffled(step, 1000)))
  assert.equal(places.size, 1000)
  assert.equal(movieAt(0, 1000).year, 1900)
  assert.equal(movieAt(999, 1000).year, 2024)
  assert.ok(movieAt(7, 1000).title < movieAt(8, 1000).title)
})

test('the columns of a table are aligned', () => {
  assert.equal(table(['name', 'rate'], [['a', '1,000']]), 'name   rate\na     1,000')
})

test('a goal compares with the peer that it names', () => {
  const get = [rateOf('onebox', [89, 90, 91]), rateOf('node:http', [100, 100, 100])]
  const [goal] = goals({ get })
  assert.equal(goal?.met, true)
  assert.equal(goal?.got, '0.900×')
})

test('the goals of a write compare with each peer that was measured', () => {
  const rates = (ours: number, bun: number) => [rateOf('onebox', [ours]), rateOf('Bun', [bun])]
  const put = [...rates(55, 10), rateOf('Fastify', [10])]
  const all = goals({ put, putLone: rates(80, 100), putTmpfs: rates(90, 100) })
  const verdicts = all.map(({ name, got, met }) => `${name}: ${got} ${met}`)
  assert.deepEqual(verdicts, [
    'PUT / on the plain disk against Fastify: 5.500× true',
    'PUT / on the plain disk against Bun: 5.500× true',
    'PUT / by a lone client against Bun: 0.800× false',
    'PUT / in memory against Bun: 0.900× true',
  ])
  assert.deepEqual(goals({ putLone: [rateOf('onebox', [80])] }), [])
})

test('an fsync may be shared by the writes of a group, but a lone client has none to share it with', () => {
  const each = [1, 64].map((connections) => ({
    peer: syncsEach({}, connections),
    onebox: syncsEach({ commits: 'grouped' }, connections),
    pocketBase: syncsEach({ commits: 'unsynced' }, connections),
  }))
  assert.deepEqual(each, [
    { peer: true, onebox: true, pocketBase: false },
    { peer: true, onebox: false, pocketBase: false },
  ])
})

test('every peer has an exact version and a checksum', () => {
  const read = (file: string) =>
    readFileSync(new URL(`../../scripts/bench/${file}`, import.meta.url), 'utf8')
  const npm = JSON.parse(read('package.json'))
  const { packages } = JSON.parse(read('package-lock.json'))
  for (const [name, version] of Object.entries({
    ...npm.dependencies,
    ...npm.optionalDependencies,
  })) {
    const { version: locked, integrity } = packages[`node_modules/${name}`]
    assert.equal(locked, version, name)
    assert.match(integrity, /^sha512-/, name)
  }
  for (const folder of ['go', 'pocketbase']) {
    const [, name, version] = /^require (\S+) (v\S+)$/m.exec(read(`peers/${folder}/go.mod`)) ?? []
    assert.ok(read(`peers/${folder}/go.sum`).includes(`${name} ${version} h1:`), folder)
  }
  const crates = read('peers/axum/Cargo.lock').split('[[package]]').slice(1)
  for (const crate of crates.filter((text) => !text.includes('axum-peer'))) {
    assert.match(crate, /^checksum = "[\da-f]{64}"$/m, crate)
  }
})

test('the goals of lists and searches compare with JSON, Flask and the small table', () => {
  const lists = [rateOf('onebox, JSON', [100]), rateOf('onebox', [80]), rateOf('Flask', [30])]
  const rate = rateOf('any', [10])
  const rows = [1000, 1_000_000].map((rows) => ({ rows, points: rate, pages: rate }))
  const searched = rows.map((row, index) => ({ ...row, searches: rateOf('s', [10 - 3 * index]) }))
  const verdicts = goals({ lists, rows: searched }).map(
    ({ name, got, met }) => `${name}: ${got} ${met}`,
  )
  assert.deepEqual(verdicts.slice(2), [
    'Searches at 1,000,000 rows against 1,000: 0.700× false',
    'GET /movies as a page against onebox, JSON: 0.800× true',
    'GET /movies as a page against Flask: 2.667× false',
  ])
  assert.equal(goals({ rows }).length, 2)
})

test('a drawing may take 5 ms', () => {
  const got = [4.99, 5.01].flatMap((drawingMs) => goals({ drawingMs }).map(({ met }) => met))
  assert.deepEqual(got, [true, false])
})

test('the goals of HTTPS compare with the peers that are installed', () => {
  const https = [rateOf('onebox', [60]), rateOf('onebox, HTTP', [100]), rateOf('node:https', [60])]
  const handshakes = [handshakesOf('onebox', [{ full: 500, resumed: 400 }])]
  const withBare = [...handshakes, handshakesOf('node:https', [{ full: 1, resumed: 400 }])]
  const tlsMemory = [{ name: 'onebox', idleMb: 80, connectedMb: 91 }]
  const all = goals({ https, handshakes: withBare, tlsMemory })
  const verdicts = all.map(({ name, got, met }) => `${name}: ${got} ${met}`)
  assert.deepEqual(verdicts, [
    'GET / over HTTPS against onebox, HTTP: 0.600× false',
    'GET / over HTTPS against node:https: 1.000× true',
    'CPU of a resumed handshake against node:https: 1.000× true',
    'Memory that 1,000 TLS connections add: 11.000 MB false',
  ])
})

test('the plot shows the results at hand, in light and dark mode, with names escaped', () => {
  const machine = { cpu: 'A & B', cores: 2, memoryGb: 8, kernel: '6', fileSystem: '', pinning: '' }
  const results = {
    get: [rateOf('onebox', [10]), rateOf('<peer>', [5])],
    handshakes: [handshakesOf('onebox', [{ full: 500, resumed: 400 }])],
    tlsMemory: [{ name: 'onebox', idleMb: 80, connectedMb: 91 }],
  }
  const rest = { rounds: 1, seconds: 1, versions: [], goals: [], failures: [] }
  const svg = drawPlot({ date: '2025-01-01T00:00:00Z', machine, results, ...rest })
  assert.match(svg, /^<svg xmlns=/)
  assert.match(svg, /prefers-color-scheme: dark/)
  assert.match(svg, /&lt;peer&gt;/)
  assert.doesNotMatch(svg, /NaN|Infinity|undefined|A & B/)
})

test('the history has a line for each figure, and needs complete benchmarks', () => {
  const file = new URL('../../docs/benchmark.json', import.meta.url)
  const report: Report = JSON.parse(readFileSync(file, 'utf8'))
  const first = entryOf(report)
  const last = { ...first, date: '2027-01-01T00:00:00Z' }
  for (const entries of [[first], [first, last]]) {
    const svg = drawHistory(entries)
    for (const title of Object.keys(first.figures)) assert.ok(svg.includes(title), title)
    assert.doesNotMatch(svg, /NaN|Infinity|undefined|null/)
  }
  assert.equal(first.figures['GET /, requests/s']?.length, 2)
  assert.throws(() => entryOf({ ...report, results: {} }), /needs a complete benchmark: npm run/)
})
