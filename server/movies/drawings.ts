import { hash } from 'node:crypto'
import { Html, html } from '../http/html.ts'
import { fixed, headersOf, type Reply } from '../http/reply.ts'
import { type Collection, ratingSteps } from './collection.ts'

/** A drawing and its content in words. */
export interface Drawing {
  title: string
  text: string
  isEmpty: boolean
  reply: Reply
}

export interface Drawings {
  years: Drawing
  ratings: Drawing
}

interface Bar {
  count: number
  /** What the bar stands for, as part of a sentence. */
  name: string
}

interface Tick {
  /** Where it is, in bars from the left. */
  at: number
  label: string
}

const size = { width: 360, height: 180 }
const plot = { left: 36, right: 352, top: 12, bottom: 152 }
const mostBars = 100
const number = new Intl.NumberFormat('en')

const style = `text { font: 11px system-ui, sans-serif; fill: #5d5d66; }
.bars { fill: #2b50c8; }
.lines { stroke: #c9c9d1; }
@media (prefers-color-scheme: dark) { text { fill: #a5a5b0; } .bars { fill: #9db2ff; } .lines { stroke: #45454f; } }`

const policy = `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'`
const headers = [
  ...headersOf('image/svg+xml; charset=utf-8', 'no-cache'),
  ...['Content-Security-Policy', policy],
]

export function draw(collection: Collection): Drawings {
  return { years: drawYears(collection), ratings: drawRatings(collection) }
}

/** A bar for each year, or for several if there would be too many. */
function drawYears({ years }: Collection): Drawing {
  const [first = 1900, last = 2000] = [years[0]?.[0], years.at(-1)?.[0]]
  const width = niceWidth((last - first + 1) / mostBars)
  const start = first - (first % width)
  const bars: Bar[] = Array.from({ length: Math.floor((last - start) / width) + 1 }, (_, index) => {
    const year = start + index * width
    return { count: 0, name: width === 1 ? `${year}` : `${year} to ${year + width - 1}` }
  })
  for (const [year, count] of years)
    (bars[Math.floor((year - start) / width)] as Bar).count += count
  const every = niceWidth((last - start + 1) / 6)
  const ticks: Tick[] = []
  for (let year = Math.ceil(start / every) * every; year <= last; year += every) {
    ticks.push({ at: (year - start + width / 2) / width, label: `${year}` })
  }
  const title = width === 1 ? 'Movies per year' : `Movies per ${width} years`
  return barChart(title, `from ${first} to ${last}`, bars, ticks)
}

function drawRatings({ ratings }: Collection): Drawing {
  const bars = ratings.map((count, step) => ({ count, name: `${step / 2} to ${(step + 1) / 2}` }))
  const ticks = [0, 2, 4, 6, 8, 10].map((rating) => ({
    at: (rating * ratingSteps) / 10,
    label: `${rating}`,
  }))
  return barChart('Ratings', 'from 0 to 10', bars, ticks)
}

function barChart(title: string, range: string, bars: Bar[], ticks: Tick[]): Drawing {
  const most = bars.reduce((best, bar) => (bar.count > best.count ? bar : best))
  const text = `${title} ${range}. ${most.count === 0 ? 'None yet' : `Most: ${most.name}, with ${number.format(most.count)}`}.`
  const svg = html`<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${text}">
<style>${new Html(style)}</style>
${scale(topOf(most.count))}${barPath(bars, topOf(most.count))}
${ticks.map(({ at, label }) => tick(plot.left + (at * (plot.right - plot.left)) / bars.length, label))}
</svg>
`
  return { title, text, isEmpty: most.count === 0, reply: fixed(svg.markup, headers) }
}

function barPath(bars: Bar[], top: number): Html {
  const width = (plot.right - plot.left) / bars.length
  const gap = Math.min(2, width / 4)
  const parts = bars.map(({ count }, index) => {
    const height = (count / top) * (plot.bottom - plot.top)
    const left = plot.left + index * width + gap / 2
    return count > 0
      ? `M${round(left)},${plot.bottom}v-${round(height)}h${round(width - gap)}v${round(height)}z`
      : ''
  })
  return html`<path class="bars" d="${parts.join('')}"/>`
}

/** Lines at none, half of the top and the top. */
function scale(top: number): Html {
  const labels = [0, top / 2, top].map((value, index) => {
    const y = plot.bottom - (index * (plot.bottom - plot.top)) / 2
    return html`<text x="${plot.left - 6}" y="${y + 4}" text-anchor="end">${short(value)}</text>`
  })
  const middle = (plot.top + plot.bottom) / 2
  const lines = [plot.top, middle, plot.bottom].map((y) => `M${plot.left},${y}H${plot.right}`)
  return html`<path class="lines" fill="none" d="${lines.join('')}"/>${labels}`
}

function tick(x: number, label: string): Html {
  return html`<text x="${round(x)}" y="${plot.bottom + 16}" text-anchor="middle">${label}</text>`
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

function short(value: number): string {
  return compact.format(value)
}

/** The smallest of 2, 4, 6, 8, 10, 20, 40 … that is not below `most`: half of it is an integer, too. */
function topOf(most: number): number {
  for (let power = 1; ; power *= 10) {
    const top = [2, 4, 6, 8, 10].map((factor) => factor * power).find((value) => value >= most)
    if (top !== undefined) return top
  }
}

/** The smallest of 1, 2, 5, 10, 20, 50 … that is not below `width`. */
function niceWidth(width: number): number {
  for (let power = 1; ; power *= 10) {
    const nice = [1, 2, 5].map((factor) => factor * power).find((value) => value >= width)
    if (nice !== undefined) return nice
  }
}
