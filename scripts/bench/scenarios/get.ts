import { step } from '../../terminal/step.ts'
import { printProgress, printRates } from '../report/print.ts'
import { type Results, rateOf } from '../report/results.ts'
import { alternate } from '../rounds.ts'
import { type Bench, type Running, withServers } from '../servers.ts'
import { load } from '../wrk.ts'

const connections = 64

/** GET / on keep-alive connections. */
export async function measureGet(bench: Bench): Promise<Results> {
  const { rounds, seconds } = bench.options
  step(`GET /: ${connections} connections, ${rounds} rounds of ${seconds} s`)
  const get = await withServers(bench, bench.contestants, {}, async (servers) => {
    for (const server of servers) await load(bench, server, { ...loadOf(bench), seconds: 2 })
    const results = await alternate(rounds, servers, (server, round) =>
      measure(bench, server, round),
    )
    return servers.map(({ name }, index) => rateOf(name, results[index]))
  })
  printRates('GET /', get)
  return { get }
}

async function measure(bench: Bench, server: Running, round: number): Promise<number> {
  const rate = await load(bench, server, loadOf(bench))
  printProgress(bench, round, server.name, `${rate.toLocaleString('en-US')} requests/s`)
  return rate
}

function loadOf({ options }: Bench) {
  return { script: 'get.lua', connections, seconds: options.seconds } as const
}
