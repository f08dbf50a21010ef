import {
  type Goal,
  type Latency,
  type Memory,
  type Rate,
  type Results,
  rateNamed,
} from './results.ts'

/** The goals of onebox and the results of this run. */
export function goals({ get, put, putSlow, latency, rows, memory }: Results): Goal[] {
  return [
    ...(get ? [atLeast('GET / against bare node:http', ratio(get, 'node:http'), 0.9, 0.97)] : []),
    ...(put ? [atLeast('PUT / on the plain disk against Fastify', ratio(put, 'Fastify'), 1)] : []),
    ...(putSlow ? [atLeast('PUT / with 2 ms against Fastify', ratio(putSlow, 'Fastify'), 20)] : []),
    ...(latency ? [latencyGoal(latency)] : []),
    ...(rows ?? [])
      .slice(1)
      .flatMap((large) => [
        rowGoal('Point reads', large.rows, large.points, rows?.[0]?.points),
        rowGoal('Pages', large.rows, large.pages, rows?.[0]?.pages),
      ]),
    ...(memory ? [memoryGoal(memory)] : []),
  ]
}

function ratio(rates: Rate[], name: string): number {
  return rateNamed(rates, 'onebox') / rateNamed(rates, name)
}

function latencyGoal(latencies: Latency[]): Goal {
  const onebox = latencies.find(({ name }) => name === 'onebox')
  const times = onebox ? onebox.loadedP99 / onebox.quietP99 : Number.NaN
  return atMost('GET / p99 while PUTs saturate against quiet', times, 3, '×', 2)
}

function rowGoal(what: string, count: number, large: Rate, small?: Rate): Goal {
  const name = `${what} at ${count.toLocaleString('en-US')} rows against 1,000`
  return atLeast(name, large.median / (small?.median ?? Number.NaN), 0.9)
}

function memoryGoal(memories: Memory[]): Goal {
  const onebox = memories.find(({ name }) => name === 'onebox')
  return atMost('Memory of a worker at its peak', onebox?.peakMb ?? Number.NaN, 110, ' MB')
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
