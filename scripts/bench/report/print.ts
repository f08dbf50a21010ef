import { styleText } from 'node:util'
import { whole } from '../../terminal/format.ts'
import { table } from '../../terminal/table.ts'
import type { Bench } from '../servers.ts'
import {
  type ConnectionMemory,
  type Dynamodb,
  type Fsyncs,
  type Goal,
  type Handshakes,
  type Latency,
  type Memory,
  type Rate,
  type Rows,
  rateNamed,
} from './results.ts'

export function note(text: string) {
  console.log(`  ${text}`)
}

export function printProgress({ options }: Bench, round: number, name: string, result: string) {
  console.log(`  round ${round}/${options.rounds}  ${name.padEnd(20)}  ${result}`)
}

export function printRates(title: string, rates: Rate[], wanted = ['node:http', 'Fastify', 'Bun']) {
  const peers = wanted.filter((peer) => rates.some(({ name }) => name === peer))
  const against = peers.map((peer) => `× ${peer}`)
  const head = [title, 'requests/s', 'lowest', 'highest', ...against]
  const rows = rates.map(({ name, median, rounds }) => [
    name,
    whole(median),
    whole(Math.min(...rounds)),
    whole(Math.max(...rounds)),
    ...peers.map((peer) => (median / rateNamed(rates, peer)).toFixed(2)),
  ])
  print(head, rows)
}

export function printFsyncs(all: Fsyncs[], connections: number) {
  const head = [connections === 1 ? 'A lone client' : `${connections} clients`, 'PUTs', 'fsyncs']
  print(
    head,
    all.map(({ name, puts, fsyncs }) => [name, whole(puts), whole(fsyncs)]),
  )
}

export function printLatencies(latencies: Latency[]) {
  const head = ['GET /, ms', 'quiet p50', 'quiet p99', 'loaded p50', 'loaded p99', 'p99 ratio']
  const rows = latencies.map(({ name, quietP50, quietP99, loadedP50, loadedP99 }) => [
    name,
    ...[quietP50, quietP99, loadedP50, loadedP99].map((time) => time.toFixed(2)),
    (loadedP99 / quietP99).toFixed(1),
  ])
  print(head, rows)
}

export function printRows(measured: Rows[]) {
  const kinds = (['points', 'pages', 'searches'] as const).filter((kind) => measured[0]?.[kind])
  const head = ['GET /movies', ...kinds.flatMap((kind) => [`${kind}/s`, '× 1,000 rows'])]
  const rate = (row: Rows | undefined, kind: (typeof kinds)[number]) =>
    row?.[kind]?.median ?? Number.NaN
  const rows = measured.map((row) => [
    `${whole(row.rows)} rows`,
    ...kinds.flatMap((kind) => [
      whole(rate(row, kind)),
      (rate(row, kind) / rate(measured[0], kind)).toFixed(2),
    ]),
  ])
  print(head, rows)
}

export function printLists(rates: Rate[]) {
  const rows = rates.map(({ name, median }) => [
    name,
    whole(median),
    (median / rateNamed(rates, 'onebox, JSON')).toFixed(2),
  ])
  print(['GET /movies, 100 movies', 'requests/s', '× JSON'], rows)
}

export function printMemory(memories: Memory[]) {
  const head = ['Memory, MB', 'started', 'under load', 'peak']
  const rows = memories.map(({ name, startMb, loadMb, peakMb }) => [
    name,
    ...[startMb, loadMb, peakMb].map(whole),
  ])
  print(head, rows)
}

export function printHandshakes(all: Handshakes[]) {
  const head = ['TLS handshake, CPU', 'full', 'resumed']
  print(
    head,
    all.map(({ name, full, resumed }) => [name, `${full} µs`, `${resumed} µs`]),
  )
}

export function printConnectionMemory(memories: ConnectionMemory[]) {
  const head = ['Memory, MB', 'without', 'with 1,000 TLS connections', 'added']
  const rows = memories.map(({ name, idleMb, connectedMb }) => [
    name,
    ...[idleMb, connectedMb, connectedMb - idleMb].map(whole),
  ])
  print(head, rows)
}

export function printDynamodb({ loads, memory, moviesMs }: Dynamodb) {
  for (const { connections, reads } of loads) {
    note(`${connections} clients: onebox reads ${reads.toFixed(1)} times for 1,000 pages`)
  }
  note(`POST /movies of 4,609 lines: ${moviesMs} ms`)
  print(
    ['Memory after these loads', 'MB'],
    memory.map(({ name, mb }) => [name, whole(mb)]),
  )
}

export function printGoals(goals: Goal[]) {
  const head = ['Goal', 'wanted', 'got', '']
  print(
    head,
    goals.map(({ name, wanted, got, met }) => [name, wanted, got, met ? 'met' : 'missed']),
  )
}

function print(head: string[], rows: string[][]) {
  const [first = '', ...rest] = table(head, rows).split('\n')
  console.log(['', styleText('bold', first), ...rest, ''].join('\n'))
}
