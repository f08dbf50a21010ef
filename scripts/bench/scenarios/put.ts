import { setTimeout } from 'node:timers/promises'
import { step } from '../../terminal/step.ts'
import { countFsyncs } from '../fsyncs.ts'
import { fileSystemOf } from '../machine.ts'
import { temporaryFolder } from '../processes.ts'
import { note, printProgress, printRates } from '../report/print.ts'
import { type Rate, type Results, rateOf } from '../report/results.ts'
import { alternate } from '../rounds.ts'
import {
  type Bench,
  type Contestant,
  type Running,
  type ServerSettings,
  send,
  withServers,
} from '../servers.ts'
import { load, warmUp } from '../wrk.ts'

const settleMs = 1000
const memoryFolder = '/dev/shm'

interface Disk extends ServerSettings {
  title: string
  connections: number
}

const plain: Disk = { title: 'PUT / by 64 clients', connections: 64 }
const lone: Disk = { title: 'PUT / by a lone client', connections: 1 }
const tmpfs: Disk = { title: 'PUT / by 64 clients in memory', connections: 64 }
/** With more clients, as each waits longer. */
const slow: Disk = {
  ...{ title: 'PUT / by 256 clients, 2 ms added to each fsync', connections: 256, fsyncDelayMs: 2 },
}

/** Enough, as the disk decides. */
const onSlowDisk = ['onebox', 'node:http', 'Fastify', 'Bun']
const alone = ['onebox', 'node:http', 'Fastify', 'Bun', 'Go', 'axum']
const inMemory = ['onebox', 'node:http', 'Bun']

/** Durable PUT /, on this disk and on a slower one. */
export async function measurePut(bench: Bench): Promise<Results> {
  const fsyncs = await countFsyncs(bench, bench.contestants, plain.connections)
  const put = await measureDisk(bench, bench.contestants.map(namedByDurability), plain)
  if (!bench.slowDisk) {
    note('PUT / on the slow disk is skipped: no C compiler')
    return { fsyncs, put }
  }
  return { fsyncs, put, putSlow: await measureDisk(bench, only(bench, onSlowDisk), slow) }
}

/** Durable PUT / of one client that waits for each answer. */
export async function measureLone(bench: Bench): Promise<Results> {
  const contestants = only(bench, alone)
  await countFsyncs(bench, contestants, lone.connections)
  return { putLone: await measureDisk(bench, contestants, lone) }
}

/** PUT / where an fsync costs nothing. */
export async function measureTmpfs(bench: Bench): Promise<Results> {
  if ((await fileSystemOf(memoryFolder)) !== 'tmpfs') {
    note(`PUT / in memory is skipped: ${memoryFolder} is no tmpfs`)
    return {}
  }
  const parent = temporaryFolder(memoryFolder)
  return { putTmpfs: await measureDisk(bench, only(bench, inMemory), { ...tmpfs, parent }) }
}

function only({ contestants }: Bench, names: string[]): Contestant[] {
  return contestants.filter(({ name }) => names.includes(name))
}

function namedByDurability(contestant: Contestant): Contestant {
  const { name, commits } = contestant
  return commits === 'unsynced' ? { ...contestant, name: `${name}, no fsync` } : contestant
}

async function measureDisk(bench: Bench, contestants: Contestant[], disk: Disk) {
  const { rounds, seconds } = bench.options
  step(`${disk.title}: ${rounds} rounds of ${seconds} s`)
  const rates = await withServers(bench, contestants, disk, (servers) =>
    measureServers(bench, servers, disk),
  )
  printRates(disk.title, rates)
  return rates
}

async function measureServers(bench: Bench, servers: Running[], disk: Disk): Promise<Rate[]> {
  for (const server of servers) {
    await checkDelay(bench, server, disk)
    await warmUp(bench, server, loadOf(disk))
  }
  const results = await alternate(bench.options.rounds, servers, (server, round) =>
    measure(bench, server, round, disk),
  )
  return servers.map(({ name }, index) => rateOf(name, results[index]))
}

async function measure(bench: Bench, server: Running, round: number, disk: Disk): Promise<number> {
  const rate = await load(bench, server, { ...loadOf(disk), seconds: bench.options.seconds })
  await checkStored(bench, server, /bench \d+/)
  // A server with a queue is still working on the rest of the load.
  await setTimeout(settleMs)
  await put(bench, server, `last of round ${round}`)
  await checkStored(bench, server, new RegExp(`last of round ${round}`))
  printProgress(bench, round, server.name, `${rate.toLocaleString('en-US')} requests/s`)
  return rate
}

function loadOf({ connections }: Disk) {
  return { script: 'put.lua', connections } as const
}

/** A PUT answered faster than the disk allows did not wait for the disk. */
async function checkDelay(bench: Bench, server: Running, { fsyncDelayMs = 0 }: Disk) {
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
