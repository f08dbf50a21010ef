import { setTimeout } from 'node:timers/promises'
import { step } from '../../terminal/step.ts'
import { note, printProgress, printRates } from '../report/print.ts'
import { type Rate, type Results, rateOf } from '../report/results.ts'
import { alternate } from '../rounds.ts'
import { type Bench, type Running, type ServerSettings, send, withServers } from '../servers.ts'
import { load } from '../wrk.ts'

const settleMs = 1000
const connections = 256
const fsyncDelayMs = 2

/** Durable PUT /, on this disk and on a slower one. */
export async function measurePut(bench: Bench): Promise<Results> {
  const put = await measureDisk(bench, 'PUT / on the plain disk', {})
  if (!bench.slowDisk) {
    note('PUT / on the slow disk is skipped: no C compiler')
    return { put }
  }
  const title = `PUT / with ${fsyncDelayMs} ms added to each fsync`
  return { put, putSlow: await measureDisk(bench, title, { fsyncDelayMs }) }
}

async function measureDisk(bench: Bench, title: string, settings: ServerSettings) {
  const { rounds, seconds } = bench.options
  step(`${title}: ${connections} connections, ${rounds} rounds of ${seconds} s`)
  const rates = await withServers(bench, bench.contestants, settings, (servers) =>
    measureServers(bench, servers, settings),
  )
  printRates(title, rates)
  return rates
}

async function measureServers(
  bench: Bench,
  servers: Running[],
  settings: ServerSettings,
): Promise<Rate[]> {
  for (const server of servers) {
    await checkDelay(bench, server, settings)
    await load(bench, server, { script: 'put.lua', connections, seconds: 2 })
  }
  const results = await alternate(bench.options.rounds, servers, (server, round) =>
    measure(bench, server, round),
  )
  return servers.map(({ name }, index) => rateOf(name, results[index]))
}

async function measure(bench: Bench, server: Running, round: number): Promise<number> {
  const { seconds } = bench.options
  const rate = await load(bench, server, { script: 'put.lua', connections, seconds })
  await checkStored(bench, server, /bench \d+/)
  // A server with a queue is still working on the rest of the load.
  await setTimeout(settleMs)
  await put(bench, server, `last of round ${round}`)
  await checkStored(bench, server, new RegExp(`last of round ${round}`))
  printProgress(bench, round, server.name, `${rate.toLocaleString('en-US')} requests/s`)
  return rate
}

/** A PUT answered faster than the disk allows did not wait for the disk. */
async function checkDelay(bench: Bench, server: Running, { fsyncDelayMs = 0 }: ServerSettings) {
  const start = performance.now()
  await put(bench, server, 'is it on disk?')
  if (performance.now() - start >= fsyncDelayMs) return
  bench.failures.push(`${server.name}: PUT / was answered before its fsync`)
}

async function put(bench: Bench, server: Running, string: string) {
  const { status } = await send('PUT', `${server.url}/`, string)
  if (status !== 204) bench.failures.push(`${server.name}: PUT / answered ${status}, not 204`)
}

async function checkStored(bench: Bench, server: Running, string: RegExp) {
  const { text } = await send('GET', `${server.url}/`)
  const heading = /<h1>The saved string is (.*)<\/h1>/.exec(text)?.[1] ?? ''
  if (string.test(heading)) return
  bench.failures.push(`${server.name}: the string should match ${string}, it is "${heading}"`)
}
