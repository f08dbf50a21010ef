import { type Panel, panels } from './panels.ts'
import type { Report } from './results.ts'
import { circle, line, rectangle, text } from './svg.ts'

const width = 1000
export const margin = 28
const gap = 40
export const panelWidth = (width - 2 * margin - gap) / 2
export const headHeight = 84
const titleHeight = 58
const rowHeight = 26
const labelWidth = 152
const valueWidth = 96

const style = `
  text { font: 14px system-ui, sans-serif; fill: #1f2328 }
  text { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  .title { font-weight: 600; font-size: 16px } .head { font-weight: 700; font-size: 22px }
  .muted { fill: #59636e; font-size: 13px } .ours { font-weight: 700 }
  .paper { fill: #ffffff } .bar { fill: #a3b1c2 } .bar.ours { fill: #0969da }
  .grid { stroke: #d1d9e0 } .link { stroke: #a3b1c2; stroke-width: 3 } .link.ours { stroke: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; stroke: #0d1117 } .muted { fill: #9da7b1 } .paper { fill: #0d1117 }
    .bar { fill: #56616e } .bar.ours { fill: #4493f8 }
    .grid { stroke: #30363d } .link { stroke: #56616e } .link.ours { stroke: #4493f8 }
  }`

/** All results, two panels per row. */
export function drawPlot(report: Report): string {
  const drawn = panels(report.results)
  const rows = Array.from({ length: Math.ceil(drawn.length / 2) }, (_, row) =>
    drawn.slice(2 * row, 2 * row + 2),
  )
  let top = headHeight
  const body = rows.map((row) => {
    const content = row.map((panel, column) => drawPanel(panel, columnLeft(column), top))
    top += Math.max(...row.map(panelHeight)) + margin
    return content.join('\n')
  })
  const label = 'onebox and its peers: the benchmark'
  return [opening(top, label), drawHead(report), ...body, '</svg>', ''].join('\n')
}

export function opening(height: number, label: string): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`
  const start = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${label}">`
  return [start, `<style>${style}\n</style>`, rectangle('paper', 0, 0, width, height)].join('\n')
}

function drawHead({ machine, date, rounds, seconds }: Report): string {
  const where = `${machine.cpu}, ${machine.pinning}, ${machine.fileSystem}`
  const when = `medians of ${rounds} alternating rounds of ${seconds} s · ${date.slice(0, 10)}`
  return [
    text('head', margin, 38, 'onebox beside its peers, one process each'),
    text('muted', margin, 60, `${where} · ${when}`),
  ].join('\n')
}

function drawPanel(panel: Panel, left: number, top: number): string {
  const rows = panel.kind === 'bars' ? drawBars(panel, left, top) : drawSpans(panel, left, top)
  return [
    text('title', left, top + 18, panel.title),
    text('muted', left, top + 38, panel.subtitle),
    ...rows,
  ].join('\n')
}

function drawBars(panel: Panel & { kind: 'bars' }, left: number, top: number): string[] {
  const most = Math.max(...panel.bars.map(({ value }) => value), 1)
  const space = panelWidth - labelWidth - valueWidth
  return panel.bars.flatMap(({ label, value, shown, ours }, row) => {
    const y = top + titleHeight + row * rowHeight
    const mark = ours ? ' ours' : ''
    const length = (value / most) * space
    return [
      text(mark, left, y + 14, label),
      rectangle(`bar${mark}`, left + labelWidth, y + 1, Math.max(1, length), rowHeight - 9),
      text(mark, left + labelWidth + length + 8, y + 14, shown),
    ]
  })
}

/** From the idle time to the time under load, in powers of ten. */
function drawSpans(panel: Panel & { kind: 'spans' }, left: number, top: number): string[] {
  const times = panel.spans.flatMap(({ from, to }) => [from, to])
  const first = Math.floor(Math.log10(Math.min(...times)))
  const last = Math.ceil(Math.log10(Math.max(...times)))
  const space = panelWidth - labelWidth - valueWidth
  const start = left + labelWidth
  const place = (time: number) => start + ((Math.log10(time) - first) / (last - first)) * space
  const bottom = top + titleHeight + panel.spans.length * rowHeight
  const powers = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
  const grid = powers.flatMap((power) => [
    line('grid', place(power), top + titleHeight - 6, place(power), bottom),
    text('muted', place(power), bottom + 16, `${Number(power.toPrecision(1))}`, 'middle'),
  ])
  return [...grid, ...panel.spans.flatMap((span, row) => drawSpan(span, row))]

  function drawSpan({ label, from, to, shown, ours }: (typeof panel.spans)[number], row: number) {
    const y = top + titleHeight + row * rowHeight + 9
    const mark = ours ? ' ours' : ''
    return [
      text(mark, left, y + 5, label),
      line(`link${mark}`, place(from), y, place(to), y),
      circle(`bar${mark}`, place(from), y, 4),
      circle(`bar${mark}`, place(to), y, 7),
      text(mark, place(to) + 12, y + 5, shown),
    ]
  }
}

function panelHeight(panel: Panel): number {
  const rows = panel.kind === 'bars' ? panel.bars.length : panel.spans.length + 1
  return titleHeight + rows * rowHeight
}

export function columnLeft(column: number): number {
  return margin + column * (panelWidth + gap)
}
