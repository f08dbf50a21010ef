import { columnLeft, headHeight, margin, opening, panelWidth } from './plot.ts'
import { type Rate, type Report, rateNamed } from './results.ts'
import { circle, line, text } from './svg.ts'

/** What the history keeps of a benchmark. */
export interface Entry {
  date: string
  /** The id of the release. */
  release: string
  cpu: string
  /** Those of bare node:http show how fast the machine was that day. */
  figures: Record<string, [onebox: number, nodeHttp?: number]>
}

const height = 200
const titleHeight = 58
const axisHeight = 24

/** @throws {Error} if the benchmark is not complete */
export function entryOf({ date, machine, versions, results }: Report): Entry {
  const { get, put, putSlow, latency, memory } = results
  if (!get || !put || !putSlow || !latency || !memory) {
    throw new Error('The history needs a complete benchmark: npm run bench, without --only')
  }
  return {
    date,
    release: versions.find(isOnebox)?.version ?? '',
    cpu: machine.cpu,
    figures: {
      'GET /, requests/s': both(get),
      'Durable PUT /, requests/s': both(put),
      'The same with 2 ms added to each fsync': both(putSlow),
      'p99 of GET / while PUTs saturate, ms': [latency.find(isOnebox)?.loadedP99 ?? Number.NaN],
      'Memory of a worker at its peak, MB': [memory.find(isOnebox)?.peakMb ?? Number.NaN],
    },
  }
}

function both(rates: Rate[]): [number, number] {
  return [rateNamed(rates, 'onebox'), rateNamed(rates, 'node:http')]
}

function isOnebox({ name }: { name: string }): boolean {
  return name === 'onebox'
}

/** A panel for each figure, with the first benchmark at the left edge and the last at the right. */
export function drawHistory(entries: Entry[]): string {
  const titles = Object.keys(entries.at(-1)?.figures ?? {})
  const rows = Math.ceil(titles.length / 2)
  const panels = titles.map((title, index) => {
    return drawPanel(
      title,
      entries,
      columnLeft(index % 2),
      headHeight + Math.floor(index / 2) * height,
    )
  })
  const head = [
    text('head', margin, 38, 'onebox over time'),
    text('muted', margin, 60, `${entries.length} benchmarks · onebox in blue, node:http in grey`),
  ]
  const label = 'onebox over time: every benchmark'
  return [opening(headHeight + rows * height, label), ...head, ...panels, '</svg>', ''].join('\n')
}

function drawPanel(title: string, entries: Entry[], left: number, top: number): string {
  const bottom = top + height - margin - axisHeight
  const space = bottom - top - titleHeight
  const [ours, nodeHttp] = [valuesOf(entries, title, 0), valuesOf(entries, title, 1)]
  const [first = 0, last = 0] = [ours[0]?.time, ours.at(-1)?.time]
  const most = Math.max(...[...ours, ...nodeHttp].map(({ value }) => value))
  return [
    text('title', left, top + 18, title),
    text('muted', left, top + 38, changeText(ours.at(-1)?.value, nodeHttp.at(-1)?.value)),
    line('grid', left, bottom, left + panelWidth, bottom),
    text('muted', left, bottom + 18, dayOf(first)),
    text('muted', left + panelWidth, bottom + 18, dayOf(last), 'end'),
    ...drawLine(nodeHttp, ''),
    ...drawLine(ours, ' ours'),
  ].join('\n')

  function drawLine(values: Value[], mark: string): string[] {
    const points = values.map(place)
    return points.flatMap(({ x, y }, index) => {
      const before = points[index - 1]
      const dot = circle(`bar${mark}`, x, y, 3)
      return before ? [line(`link${mark}`, before.x, before.y, x, y), dot] : [dot]
    })
  }

  function place({ time, value }: Value) {
    const share = last > first ? (time - first) / (last - first) : 1
    return { x: left + share * panelWidth, y: bottom - (value / most) * space }
  }
}

interface Value {
  time: number
  value: number
}

function valuesOf(entries: Entry[], title: string, of: 0 | 1): Value[] {
  return entries.flatMap(({ date, figures }) => {
    const value = figures[title]?.[of]
    return value === undefined ? [] : [{ time: Date.parse(date), value }]
  })
}

function changeText(ours: number | undefined, nodeHttp: number | undefined): string {
  const comparison = nodeHttp === undefined ? '' : `, node:http ${nodeHttp.toLocaleString('en-US')}`
  return `Last: ${ours?.toLocaleString('en-US')}${comparison}`
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}
