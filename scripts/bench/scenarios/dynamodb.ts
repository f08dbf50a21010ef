import { request } from '../../site/client.ts'
import { step } from '../../terminal/step.ts'
import { createTable, type Engine, hasEngine, withEngine } from '../engine.ts'
import { movieAt } from '../movies.ts'
import { dynamoContestants } from '../peers.ts'
import { note, printDynamodb, printProgress, printRates } from '../report/print.ts'
import { type Dynamodb, type Rate, type Results, rateOf } from '../report/results.ts'
import { median } from '../report/statistics.ts'
import { alternate, atMostRounds } from '../rounds.ts'
import { type Bench, type Running, withServers } from '../servers.ts'
import { residentMb } from '../usage.ts'
import { load, warmUp } from '../wrk.ts'

const delayMs = 5
const clients = [64, 256]
/** Enough for ratios as large as these. */
const mostRounds = 3
/** As many as in AWS's sample data. */
const movies = 4609

/** The saved string, with each call of DynamoDB delayed, beside peers that make a call a request. */
export async function measureDynamodb(bench: Bench): Promise<Results> {
  if (!hasEngine()) {
    note('DynamoDB is skipped: its emulator, dynoxide, is for Linux on x64 only')
    return {}
  }
  const dynamodb = await withEngine(delayMs, async (engine) => {
    await createTable(engine.url, 'peers')
    const contestants = await dynamoContestants(bench.contestants, engine.url)
    return withServers(bench, contestants, {}, (servers) =>
      measureServers(atMostRounds(bench, mostRounds), engine, servers),
    )
  })
  printDynamodb(dynamodb)
  return { dynamodb }
}

async function measureServers(bench: Bench, engine: Engine, servers: Running[]): Promise<Dynamodb> {
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
  const lines = Array.from({ length: movies }, (_, index) => {
    const { year, title, info } = movieAt(index, movies)
    return `{"year":${year},"title":${JSON.stringify(title)},"info":${info}}\n`
  })
  const startedAt = performance.now()
  const { status, text } = await request(`${onebox?.url}/movies`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: lines.join(''),
  })
  if (status !== 200 || JSON.parse(text).added !== movies) {
    bench.failures.push(`onebox: POST /movies answered ${status}: ${text.slice(0, 200)}`)
  }
  return Math.round(performance.now() - startedAt)
}
