import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { step } from '../../terminal/step.ts'
import { run } from '../processes.ts'
import { note, printLatencies, printProgress } from '../report/print.ts'
import { type Latency, latencyOf, type Results } from '../report/results.ts'
import { hundredths } from '../report/statistics.ts'
import { alternate } from '../rounds.ts'
import { type Bench, type Running, withServers } from '../servers.ts'
import { load } from '../wrk.ts'

const fsyncDelayMs = 10
/** One Node server and one Python server are enough, as all wait for the disk in the same way. */
const contenders = ['onebox', 'Fastify', 'aiohttp']
const getsPerSecond = 500
/** Enough to keep an fsync always in progress and more writes waiting. */
const connections = 64
/** The probe connects, then the load starts, and once that has settled, GETs count. */
const connectMs = 1000
const pauseMs = 2000
const probeScript = join(import.meta.dirname, '../probe.ts')

interface Probe {
  p50: number
  p99: number
}

/** How long GET / takes when idle, and while PUTs keep a slow disk busy. */
export async function measureLatency(bench: Bench): Promise<Results> {
  if (!bench.slowDisk) {
    note('Read latency is skipped: no C compiler')
    return {}
  }
  step(`GET / at ${getsPerSecond}/s while PUTs saturate a disk with ${fsyncDelayMs} ms added`)
  const contestants = bench.contestants.filter(({ name }) => contenders.includes(name))
  const latency = await withServers(bench, contestants, { fsyncDelayMs }, (servers) =>
    measureServers(bench, servers),
  )
  printLatencies(latency)
  return { latency }
}

async function measureServers(bench: Bench, servers: Running[]): Promise<Latency[]> {
  const results = await alternate(bench.options.rounds, servers, async (server, round) => {
    const quiet = await probe(bench, server)
    const loaded = await probeUnderLoad(bench, server)
    printProgress(
      bench,
      round,
      server.name,
      `p99 ${text(quiet.p99)} quiet, ${text(loaded.p99)} loaded`,
    )
    return { quiet, loaded }
  })
  return servers.map(({ name }, index) => latencyOf(name, results[index]))
}

async function probeUnderLoad(bench: Bench, server: Running): Promise<Probe> {
  const seconds = bench.options.seconds + (pauseMs + connectMs) / 1000
  const writes = { script: 'put.lua', connections, seconds, yielding: true } as const
  const [loaded] = await Promise.all([
    probe(bench, server),
    delay(connectMs).then(() => load(bench, server, writes)),
  ])
  return loaded
}

async function probe({ options, failures }: Bench, { name, url }: Running): Promise<Probe> {
  const args = [`${url}/`, `${getsPerSecond}`, `${options.seconds}`, `${pauseMs}`]
  const result: Probe & { failures: number } = JSON.parse(
    await run([process.execPath, probeScript, ...args]),
  )
  if (result.failures > 0) failures.push(`${name}: ${result.failures} GETs were not answered 200`)
  return { p50: hundredths(result.p50), p99: hundredths(result.p99) }
}

function text(milliseconds: number): string {
  return `${milliseconds.toFixed(2)} ms`
}
