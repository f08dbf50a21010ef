import {
  type ConnectionMemory,
  type Dynamodb,
  type Goal,
  type Handshakes,
  type Latency,
  type Memory,
  type Rate,
  type Results,
  rateNamed,
} from './results.ts'

/** The goals of onebox and the results of this run. */
export function goals(results: Results): Goal[] {
  const { get, put, putSlow, putLone, putTmpfs, latency, rows, lists, drawingMs, memory } = results
  const { https, handshakes, tlsMemory, dynamodb } = results
  return [
    ...rateGoals('GET /', get, { 'node:http': [0.9, 0.97], Fastify: [2], Bun: [0.95] }),
    ...rateGoals('PUT / on the plain disk', put, { Fastify: [1], Bun: [5.5] }),
    ...rateGoals('PUT / with 2 ms', putSlow, { Fastify: [20, 50] }),
    ...rateGoals('PUT / by a lone client', putLone, { Bun: [0.9] }),
    ...rateGoals('PUT / in memory', putTmpfs, { Bun: [0.9] }),
    ...(latency ? [latencyGoal(latency)] : []),
    ...(rows ?? [])
      .slice(1)
      .flatMap((large) => [
        rowGoal('Point reads', large.rows, large.points, rows?.[0]?.points),
        rowGoal('Pages', large.rows, large.pages, rows?.[0]?.pages),
        ...(large.searches
          ? [rowGoal('Searches', large.rows, large.searches, rows?.[0]?.searches, 0.8)]
          : []),
      ]),
    ...rateGoals('GET /movies as a page', lists, { 'onebox, JSON': [0.8], Flask: [3] }),
    ...(drawingMs ? [atMost('A new drawing of 10,000 movies', drawingMs, 5, ' ms')] : []),
    ...(memory ? [memoryGoal(memory)] : []),
    ...rateGoals('GET / over HTTPS', https, {
      ...{ 'onebox, HTTP': [0.65], 'node:https': [0.9] },
      ...{ 'nginx → Fastify': [2], 'caddy → Fastify': [6] },
    }),
    ...(handshakes ? handshakeGoals(handshakes) : []),
    ...(tlsMemory ? [tlsMemoryGoal(tlsMemory)] : []),
    ...(dynamodb ? dynamodbGoals(dynamodb) : []),
  ]
}

function ratio(rates: Rate[], name: string): number {
  return rateNamed(rates, 'onebox') / rateNamed(rates, name)
}

/** For each peer that was measured: the limit, and perhaps an aim. */
function rateGoals(
  what: string,
  rates: Rate[] | undefined,
  against: Record<string, [limit: number, aim?: number]>,
): Goal[] {
  if (!rates) return []
  return Object.entries(against)
    .filter(([peer]) => rates.some(({ name }) => name === peer))
    .map(([peer, limits]) => {
      const name = peer === 'node:http' ? 'bare node:http' : peer
      return atLeast(`${what} against ${name}`, ratio(rates, peer), ...limits)
    })
}

function latencyGoal(latencies: Latency[]): Goal {
  const onebox = latencies.find(({ name }) => name === 'onebox')
  const times = onebox ? onebox.loadedP99 / onebox.quietP99 : Number.NaN
  return atMost('GET / p99 while PUTs saturate against quiet', times, 3, '×', 2)
}

function rowGoal(what: string, count: number, large: Rate, small?: Rate, limit = 0.9): Goal {
  const name = `${what} at ${count.toLocaleString('en-US')} rows against 1,000`
  return atLeast(name, large.median / (small?.median ?? Number.NaN), limit)
}

function memoryGoal(memories: Memory[]): Goal {
  const onebox = memories.find(({ name }) => name === 'onebox')
  return atMost('Memory of a worker at its peak', onebox?.peakMb ?? Number.NaN, 110, ' MB')
}

function handshakeGoals(all: Handshakes[]): Goal[] {
  const find = (wanted: string) => all.find(({ name }) => name === wanted)
  const [onebox, bare, proxied] = ['onebox', 'node:https', 'nginx → Fastify'].map(find)
  const goal = (kind: 'full' | 'resumed', peer: Handshakes | undefined) => {
    const times = onebox && peer ? onebox[kind] / peer[kind] : Number.NaN
    return peer && atMost(`CPU of a ${kind} handshake against ${peer.name}`, times, 1, '×')
  }
  return [goal('full', proxied), goal('resumed', bare)].filter((one) => one !== undefined)
}

function tlsMemoryGoal(all: ConnectionMemory[]): Goal {
  const { idleMb = Number.NaN, connectedMb = Number.NaN } = all[0] ?? {}
  return atMost('Memory that 1,000 TLS connections add', connectedMb - idleMb, 10, ' MB')
}

/** At 64 and at 256 clients. */
const dynamodbLimits = {
  ofLimit: [0.7, 0.5],
  get: {
    'Flask + boto3, --threads 16': [12, 38],
    'Flask + boto3, -w 3': [30, 80],
    'Fastify + SDK': [6, 16],
  },
  put: { 'Fastify + SDK': [5, 13] },
  reads: [25, 8],
}

function dynamodbGoals({ loads, memory, moviesMs, rows }: Dynamodb): Goal[] {
  const mb = (wanted: string) => memory.find(({ name }) => name === wanted)?.mb ?? Number.NaN
  const added = mb('onebox') - mb('onebox, SQLite')
  return [
    ...loads.flatMap(loadGoals),
    atMost('Memory of a worker on DynamoDB beside SQLite', added, 25, ' MB'),
    atMost('POST /movies of 4,609 lines on DynamoDB', moviesMs, 500, ' ms'),
    ...rows
      .slice(1)
      .flatMap((large) => [
        rowGoal('Point reads on DynamoDB', large.rows, large.points, rows[0]?.points, 0.95),
        rowGoal('Pages on DynamoDB', large.rows, large.pages, rows[0]?.pages, 0.95),
      ]),
  ]
}

function loadGoals(
  { connections, limit, get, put, reads }: Dynamodb['loads'][number],
  at: number,
): Goal[] {
  const on = `on DynamoDB, ${connections} clients,`
  const against = (verb: string, rates: Rate[], limits: Record<string, number[]>) =>
    Object.entries(limits)
      .filter(([name]) => rates.some((rate) => rate.name === name))
      .map(([name, times]) =>
        atLeast(`${verb} / ${on} against ${name}`, ratio(rates, name), times[at] ?? Number.NaN),
      )
  const share = rateNamed(get, 'onebox') / limit
  return [
    atLeast(`GET / ${on} of what they can ask`, share, dynamodbLimits.ofLimit[at] ?? Number.NaN),
    ...against('GET', get, dynamodbLimits.get),
    ...against('PUT', put, dynamodbLimits.put),
    atMost(`Reads ${on} for 1,000 pages`, reads, dynamodbLimits.reads[at] ?? Number.NaN, ''),
  ]
}

function atLeast(name: string, value: number, limit: number, aim?: number): Goal {
  const wanted = `≥ ${limit}×${aim ? ` (aim ${aim}×)` : ''}`
  return { name, wanted, got: `${figure(value)}×`, met: value >= limit }
}

function atMost(name: string, value: number, limit: number, unit: string, aim?: number): Goal {
  const wanted = `≤ ${limit}${unit}${aim ? ` (aim ${aim}${unit})` : ''}`
  return { name, wanted, got: `${figure(value)}${unit}`, met: value <= limit }
}

function figure(value: number): string {
  return value >= 20 ? value.toFixed(0) : value.toFixed(3)
}
