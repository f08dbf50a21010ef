import { readFileSync } from 'node:fs'
import { step } from '../../terminal/step.ts'
import { printProgress, printRates } from '../report/print.ts'
import { type Results, rateOf } from '../report/results.ts'
import { alternate } from '../rounds.ts'
import { type Bench, type Running, send, withServers } from '../servers.ts'
import { load, warmUp } from '../wrk.ts'

const connections = 64
const getLoad = { script: 'get.lua', connections } as const

/** GET / on keep-alive connections. */
export async function measureGet(bench: Bench): Promise<Results> {
  const { rounds, seconds } = bench.options
  step(`GET /: ${connections} connections, ${rounds} rounds of ${seconds} s`)
  const get = await withServers(bench, bench.contestants, {}, async (servers) => {
    for (const peer of servers.slice(1)) await checkPage(bench, peer)
    for (const server of servers) await warmUp(bench, server, getLoad)
    const results = await alternate(rounds, servers, (server, round) =>
      measure(bench, server, round),
    )
    return servers.map(({ name }, index) => rateOf(name, results[index]))
  })
  printRates('GET /', get)
  return { get }
}

/** A peer answers with the page and headers of onebox, whatever it adds. */
async function checkPage({ page, failures }: Bench, { name, url }: Running) {
  const answer = await send('GET', `${url}/`)
  const wanted: Record<string, string> = JSON.parse(
    readFileSync(page.PAGE_HEADERS_FILE ?? '', 'utf8'),
  )
  const wrong = Object.keys(wanted).filter((header) => answer.headers[header] !== wanted[header])
  if (answer.text !== readFileSync(page.PAGE_FILE ?? '', 'utf8')) wrong.push('the body')
  if (wrong.length > 0) failures.push(`${name}: GET / answered with a wrong ${wrong.join(', ')}`)
}

async function measure(bench: Bench, server: Running, round: number): Promise<number> {
  const rate = await load(bench, server, { ...getLoad, seconds: bench.options.seconds })
  printProgress(bench, round, server.name, `${rate.toLocaleString('en-US')} requests/s`)
  return rate
}
