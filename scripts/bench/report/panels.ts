import { whole } from '../../terminal/format.ts'
// The contents of the plot: words and numbers, without positions.
import type {
  ConnectionMemory,
  Dynamodb,
  Handshakes,
  Latency,
  Memory,
  Rate,
  Results,
  Rows,
} from './results.ts'

interface Bar {
  label: string
  value: number
  shown: string
  ours: boolean
}

interface Span {
  label: string
  from: number
  to: number
  shown: string
  ours: boolean
}

interface Titles {
  title: string
  subtitle: string
}

export type Panel = Titles & ({ kind: 'bars'; bars: Bar[] } | { kind: 'spans'; spans: Span[] })

const durable = 'Durable PUT /, requests/s'

export function panels(results: Results): Panel[] {
  const { get, put, putSlow, putLone, latency, rows, memory } = results
  const { https, handshakes, tlsMemory, dynamodb } = results
  return [
    get && bars('GET /, requests/s', 'The page, 64 keep-alive connections', get.map(rateBar)),
    put && bars(durable, 'On disk before the 204, 64 clients', put.map(rateBar)),
    memory && bars('Memory, MB', 'Peak of a worker under GET and PUT load', memory.map(memoryBar)),
    handshakes &&
      bars(
        'CPU of a TLS handshake, µs',
        'TLS 1.3 with ECDSA P-256, full and resumed',
        handshakes.flatMap(handshakeBars),
      ),
    putSlow && bars(durable, '256 clients, 2 ms added to every fsync', putSlow.map(rateBar)),
    putLone && bars(durable, 'One client that waits for each answer', putLone.map(rateBar)),
    latency && spans(latency),
    rows &&
      bars(
        'GET /movies, requests/s',
        'One movie, or a page of 100, by the rows of the table',
        rowBars(rows),
      ),
    https && bars('GET / over HTTPS, requests/s', '64 keep-alive connections', https.map(rateBar)),
    tlsMemory &&
      bars(
        'Memory that 1,000 TLS connections add, MB',
        'Half of them idle',
        tlsMemory.map(tlsMemoryBar),
      ),
    ...(dynamodb ? dynamodbPanels(dynamodb) : []),
  ].filter((panel) => panel !== undefined)
}

function bars(title: string, subtitle: string, content: Bar[]): Panel {
  return { kind: 'bars', title, subtitle, bars: content }
}

function dynamodbPanels({ delayMs, loads }: Dynamodb): Panel[] {
  return loads.map(({ connections, get }) =>
    bars(
      'GET / on DynamoDB, requests/s',
      `${connections} clients, ${delayMs} ms added to every call`,
      get.map((rate) => rateBar({ ...rate, name: rate.name.replace(' + boto3', '') })),
    ),
  )
}

function spans(latencies: Latency[]): Panel {
  const title = 'GET / p99, ms: quiet → while PUTs saturate'
  const subtitle = '500 requests/s, 10 ms added to every fsync, logarithmic scale'
  return { kind: 'spans', title, subtitle, spans: latencies.map(latencySpan) }
}

function rateBar({ name, median }: Rate): Bar {
  return { label: name, value: median, shown: whole(median), ours: name === 'onebox' }
}

function memoryBar({ name, peakMb }: Memory): Bar {
  return { label: name, value: peakMb, shown: whole(peakMb), ours: name === 'onebox' }
}

function handshakeBars({ name, full, resumed }: Handshakes): Bar[] {
  const bar = (label: string, value: number) => ({
    ...{ label, value, shown: whole(value), ours: name === 'onebox' },
  })
  return [bar(name, full), bar('resumed', resumed)]
}

function tlsMemoryBar({ name, idleMb, connectedMb }: ConnectionMemory): Bar {
  const value = connectedMb - idleMb
  return { label: name, value, shown: whole(value), ours: name === 'onebox' }
}

function rowBars(rows: Rows[]): Bar[] {
  return [
    ...rows.map(({ rows, points }) => rowBar(`movie, ${sizeOf(rows)}`, points)),
    ...rows.map(({ rows, pages }) => rowBar(`page, ${sizeOf(rows)}`, pages)),
  ]
}

function rowBar(label: string, rate: Rate): Bar {
  return { ...rateBar(rate), label, ours: true }
}

function sizeOf(rows: number): string {
  return rows >= 1e6 ? `${rows / 1e6} M` : `${rows / 1000} k`
}

function latencySpan({ name, quietP99, loadedP99 }: Latency): Span {
  const shown = `${figure(quietP99)} → ${figure(loadedP99)}`
  return { label: name, from: quietP99, to: loadedP99, shown, ours: name === 'onebox' }
}

function figure(milliseconds: number): string {
  return milliseconds < 10 ? milliseconds.toFixed(1) : whole(milliseconds)
}
