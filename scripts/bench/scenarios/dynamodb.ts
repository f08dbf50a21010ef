import { request } from '../../site/client.ts'
import { step } from '../../terminal/step.ts'
import { createTable, type Engine, hasEngine, withEngine } from '../engine.ts'
import { movieAt } from '../movies.ts'
import { dynamoContestants, withEnv } from '../peers.ts'
import { note, printDynamodb, printProgress, printRates, printRows } from '../report/print.ts'
import { type Dynamodb, type Rate, type Results, type Rows, rateOf } from '../report/results.ts'
import { median } from '../report/statistics.ts'
import { alternate, atMostRounds } from '../rounds.ts'
import { type Bench, type Contestant, type Running, withServers } from '../servers.ts'
import { residentMb } from '../usage.ts'
import { load, warmUp } from '../wrk.ts'
import { measureReads } from './rows.ts'

const delayMs = 5
const clients = [64, 256]
/** Enough for ratios as large as these. */
const mostRounds = 3
/** As many as in AWS's sample data. */
const movies = 4609
/** Movies of one request, below its limit of bytes. */
const bulk = 5000

/** The saved string, with each call of DynamoDB delayed, beside peers that make a call a request. */
export async function measureDynamodb(bench: Bench): Promise<Results> {
  if (!hasEngine()) {
    note('DynamoDB is skipped: its emulator, dynoxide, is for Linux on x64 only')
    return {}
  }
  const dynamodb = await withEngine(delayMs, async (engine) => {
    await createTable(engine.url, 'peers')
    const contestants = await dynamoContestants(bench.contestants, engine.url)
    const short = atMostRounds(bench, mostRounds)
    const measured = await withServers(bench, contestants, {}, (servers) =>
      measureServers(short, engine, servers),
    )
    return { ...measured, rows: await measureRows(short, contestants[0]) }
  })
  printDynamodb(dynamodb)
  printRows(dynamodb.rows)
  return { dynamodb }
}

async function measureServers(
  bench: Bench,
  engine: Engine,
  servers: Running[],
): Promise<Omit<Dynamodb, 'rows'>> {
  const loads = []
  for (const connections of clients) {
    const { rates: get, reads } = await measureLoad(bench, engine, servers, 'get.lua', connections)
    const { rates: put } = await measureLoad(bench, engine, servers, 'put.lua', connections)
    loads.push({ connections, limit: connections / (delayMs / 1000), get, put, reads })
  }
  const memory = servers.map(({ name, pid }) => ({ name, mb: residentMb(pid) }))
  return { delayMs, loads, memory, moviesMs: await importMs(bench, servers[0]) }
}

async function measureLoad(
  bench: Bench,
  engine: Engine,
  servers: Running[],
  script: 'get.lua' | 'put.lua',
  connections: number,
): Promise<{ rates: Rate[]; reads: number }> {
  const { rounds, seconds } = bench.options
  const title = `${script === 'get.lua' ? 'GET' : 'PUT'} / on DynamoDB, ${connections} clients`
  step(`${title}: ${delayMs} ms added to each call, ${rounds} rounds of ${seconds} s`)
  for (const server of servers) await warmUp(bench, server, { script, connections })
  const reads: number[] = []
  const results = await alternate(rounds, servers, async (server, round) => {
    const before = engine.reads()
    const rate = await load(bench, server, { script, connections, seconds })
    if (server === servers[0]) reads.push((1000 * (engine.reads() - before)) / (rate * seconds))
    printProgress(bench, round, server.name, `${rate.toLocaleString('en-US')} requests/s`)
    return rate
  })
  const rates = servers.map(({ name }, index) => rateOf(name, results[index]))
  printRates(title, rates, ['Fastify + SDK'])
  return { rates, reads: median(reads) }
}

/** The milliseconds in which onebox takes new movies. */
async function importMs(bench: Bench, onebox: Running | undefined): Promise<number> {
  const startedAt = performance.now()
  await importMovies(bench, onebox, { from: 0, to: movies, size: movies })
  return Math.round(performance.now() - startedAt)
}

/** Sends the movies at these indexes of a table of `size` in one request. */
async function importMovies(
  bench: Bench,
  server: Running | undefined,
  { from, to, size }: { from: number; to: number; size: number },
) {
  const lines = Array.from({ length: to - from }, (_, index) => {
    const { year, title, info } = movieAt(from + index, size)
    return `{"year":${year},"title":${JSON.stringify(title)},"info":${info}}\n`
  })
  const { status, text } = await request(`${server?.url}/movies`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: lines.join(''),
  })
  if (status !== 200 || JSON.parse(text).added !== lines.length) {
    bench.failures.push(`onebox: POST /movies answered ${status}: ${text.slice(0, 200)}`)
  }
}

/** Reads of one movie and of pages in a small and a large table. */
async function measureRows(bench: Bench, onebox: Contestant | undefined): Promise<Rows[]> {
  if (!onebox) return []
  const sizes = bench.options.quick ? [1000, 10_000] : [1000, 1_000_000]
  const contestants = sizes.map((size) => withEnv(onebox, { TABLE_PREFIX: `rows-${size}` }))
  return withServers(bench, contestants, {}, async (servers) => {
    for (const [index, server] of servers.entries()) await fill(bench, server, sizes[index] ?? 0)
    step('GET /movies on DynamoDB: 64 connections, points and pages')
    return measureReads(bench, sizes, servers)
  })
}

async function fill(bench: Bench, server: Running, size: number) {
  step(`Filling a table of DynamoDB with ${size.toLocaleString('en-US')} movies`)
  for (let from = 0; from < size; from += bulk) {
    await importMovies(bench, server, { from, to: Math.min(from + bulk, size), size })
  }
}
