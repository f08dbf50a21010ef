import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../../terminal/step.ts'
import { hasCommand, run } from '../processes.ts'
import {
  note,
  printConnectionMemory,
  printHandshakes,
  printProgress,
  printRates,
} from '../report/print.ts'
import {
  type ConnectionMemory,
  type Handshakes,
  handshakesOf,
  type Rate,
  type Results,
  rateOf,
} from '../report/results.ts'
import { alternate, atMostRounds } from '../rounds.ts'
import { type Bench, type Contestant, type Running, withServers } from '../servers.ts'
import { cpuSeconds, residentMb } from '../usage.ts'
import { load, warmUp } from '../wrk.ts'

const connections = 64
const handshakesScript = join(import.meta.dirname, '../handshakes.ts')
const connectionsScript = join(import.meta.dirname, '../connections.ts')
const manyConnections = 1000
/** Less than the time that servers give a connection to send its first request. */
const connectedSeconds = 4
/** Enough for the CPU time of thousands of handshakes each. */
const handshakeRounds = 3
const sampleMs = 100

/** GET / over HTTPS, the CPU time of handshakes, and the memory of many connections. */
export async function measureHttps(bench: Bench): Promise<Results> {
  if (!hasCommand('openssl')) {
    note('HTTPS is skipped: apt install openssl')
    return {}
  }
  const tlsFile = await makeCertificate(bench)
  return withServers(bench, contestantsOf(bench), { tlsFile }, async (servers) => ({
    https: await measureRates(bench, servers),
    handshakes: await measureHandshakes(atMostRounds(bench, handshakeRounds), servers),
    tlsMemory: await measureMemory(bench, servers),
  }))
}

async function makeCertificate({ folder }: Bench): Promise<string> {
  const [key, cert, both] = ['key.pem', 'cert.pem', 'tls.pem'].map((name) => join(folder, name))
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=bench', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', `${key}`, '-out', `${cert}`]
  await run(['openssl', 'req', '-x509', ...kind, ...names, '-days', '30', ...files])
  writeFileSync(`${both}`, readFileSync(`${key}`, 'utf8') + readFileSync(`${cert}`, 'utf8'))
  return `${both}`
}

function contestantsOf({ contestants, proxies }: Bench): Contestant[] {
  const named = { onebox: 'onebox', 'node:http': 'node:https', Fastify: 'Fastify', Bun: 'Bun' }
  const own = Object.entries(named).flatMap(([name, secureName]) => {
    const found = contestants.find((contestant) => contestant.name === name)
    return found ? [{ ...found, name: secureName }] : []
  })
  return [...own, ...proxies]
}

async function measureRates(bench: Bench, servers: Running[]): Promise<Rate[]> {
  const { rounds, seconds } = bench.options
  step(`GET / over HTTPS: ${connections} connections, ${rounds} rounds of ${seconds} s`)
  const [onebox] = servers
  const plain = onebox ? [{ ...onebox, name: 'onebox, HTTP' }] : []
  const all = [...servers.map((server) => ({ ...server, url: server.secureUrl })), ...plain]
  const getLoad = { script: 'get.lua', connections } as const
  for (const server of all) await warmUp(bench, server, getLoad)
  const results = await alternate(rounds, all, async (server, round) => {
    const rate = await load(bench, server, { ...getLoad, seconds })
    printProgress(bench, round, server.name, `${rate.toLocaleString('en-US')} requests/s`)
    return rate
  })
  const rates = all.map(({ name }, index) => rateOf(name, results[index]))
  printRates('GET / over HTTPS', rates, ['onebox, HTTP', 'node:https'])
  return rates
}

async function measureHandshakes(bench: Bench, servers: Running[]): Promise<Handshakes[]> {
  step('CPU time of full and resumed handshakes: TLS 1.3, ECDSA P-256, X25519')
  const results = await alternate(bench.options.rounds, servers, async (server, round) => {
    const full = await handshakeMicroseconds(bench, server, 'full')
    const resumed = await handshakeMicroseconds(bench, server, 'resumed')
    printProgress(bench, round, server.name, `${full} µs full, ${resumed} µs resumed`)
    return { full, resumed }
  })
  const all = servers.map(({ name }, index) => handshakesOf(name, results[index]))
  printHandshakes(all)
  return all
}

async function handshakeMicroseconds(
  { options }: Bench,
  { pid, secureUrl }: Running,
  kind: 'full' | 'resumed',
): Promise<number> {
  const { port } = new URL(secureUrl)
  const before = cpuSeconds(pid)
  const output = await run([process.execPath, handshakesScript, port, kind, `${options.seconds}`])
  const { handshakes }: { handshakes: number } = JSON.parse(output)
  return Math.round(((cpuSeconds(pid) - before) / handshakes) * 1e6)
}

async function measureMemory(bench: Bench, servers: Running[]): Promise<ConnectionMemory[]> {
  step(`Memory of ${manyConnections} TLS connections, of which half are idle`)
  const memories: ConnectionMemory[] = []
  for (const server of servers) memories.push(await memoryOf(bench, server))
  printConnectionMemory(memories)
  return memories
}

async function memoryOf(bench: Bench, { name, pid, secureUrl }: Running) {
  const idleMb = residentMb(pid)
  let connectedMb = idleMb
  const timer = setInterval(() => {
    connectedMb = Math.max(connectedMb, residentMb(pid))
  }, sampleMs)
  const args = [new URL(secureUrl).port, `${manyConnections}`, `${connectedSeconds}`]
  try {
    const { open } = JSON.parse(await run([process.execPath, connectionsScript, ...args]))
    if (open < manyConnections) bench.failures.push(`${name}: only ${open} connections stayed open`)
  } finally {
    clearInterval(timer)
  }
  return { name, idleMb, connectedMb }
}
