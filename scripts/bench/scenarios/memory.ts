import { readFileSync } from 'node:fs'
import { step } from '../../terminal/step.ts'
import { printMemory, printProgress } from '../report/print.ts'
import type { Memory, Results } from '../report/results.ts'
import { alternate, atMostRounds } from '../rounds.ts'
import { type Bench, type Running, withServers } from '../servers.ts'
import { load } from '../wrk.ts'

const sampleMs = 100
const loadSeconds = 2
/** Enough for a peak. */
const mostRounds = 3

/** The memory of a worker after its start, and under GET and PUT load. */
export async function measureMemory(bench: Bench): Promise<Results> {
  step('Memory per worker: GET and PUT load in turn')
  const memory = await withServers(bench, bench.contestants, {}, (servers) =>
    measureServers(atMostRounds(bench, mostRounds), servers),
  )
  printMemory(memory)
  return { memory }
}

async function measureServers(bench: Bench, servers: Running[]): Promise<Memory[]> {
  const startMb = servers.map((server) => memoryOf(server).residentMb)
  const results = await alternate(bench.options.rounds, servers, async (server, round) => {
    const loadMb = await measure(bench, server)
    printProgress(bench, round, server.name, `${loadMb} MB`)
    return loadMb
  })
  return servers.map((server, index) => ({
    name: server.name,
    startMb: startMb[index] ?? 0,
    loadMb: Math.max(...(results[index] ?? [])),
    peakMb: memoryOf(server).peakMb,
  }))
}

async function measure(bench: Bench, server: Running): Promise<number> {
  const seconds = Math.min(bench.options.seconds, loadSeconds)
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, memoryOf(server).residentMb)
  }, sampleMs)
  try {
    await load(bench, server, { script: 'get.lua', connections: 64, seconds })
    await load(bench, server, { script: 'put.lua', connections: 256, seconds })
  } finally {
    clearInterval(timer)
  }
  return most
}

function memoryOf({ pid }: Running) {
  const status = readFileSync(`/proc/${workerPid(pid)}/status`, 'utf8')
  return { residentMb: megabytes(status, 'VmRSS'), peakMb: megabytes(status, 'VmHWM') }
}

/** gunicorn serves in a child process, all others in the one that was started. */
function workerPid(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return children === '' ? pid : Number(children.split(' ')[0])
}

function megabytes(status: string, field: string): number {
  const kibibytes = Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(status)?.[1])
  return Math.round((kibibytes * 1024) / 1e6)
}
