import { stripVTControlCharacters, styleText } from 'node:util'
import { duration, whole } from './format.ts'

/** How far a long task is. */
export interface Progress {
  /** `fraction` is the part that is done, if known. */
  update: (done: number, fraction: number | undefined) => void
  /** Prints a line; the bar moves below it. */
  print: (text: string) => void
  /** Leaves the bar as it is and starts a new line. */
  end: () => void
}

interface Standing {
  unit: string
  done: number
  fraction: number | undefined
  seconds: number
}

type Out = typeof process.stdout

/** A bar on a terminal; elsewhere, a line from time to time. */
export function createProgress(unit: string, out: Out = process.stdout): Progress {
  const isTerminal = out.isTTY && process.env.TERM !== 'dumb'
  return isTerminal ? createBar(unit, out) : createLines(unit, out)
}

function createBar(unit: string, out: Out): Progress {
  const stopwatch = createStopwatch(unit)
  let drawn = ''

  return {
    update(done, fraction) {
      drawn = barText(stopwatch(done, fraction), out.columns || 80)
      out.write(`\r${drawn}\x1b[K`)
    },
    print: (text) => out.write(`\r\x1b[K${text}\n${drawn}`),
    end() {
      if (drawn !== '') out.write('\n')
      drawn = ''
    },
  }
}

const quietMs = 1000
const silenceMs = 10_000
const stepFraction = 0.1

/** At most one line per second, and only after another tenth or ten seconds. */
function createLines(unit: string, out: Out): Progress {
  const stopwatch = createStopwatch(unit)
  let last = { at: performance.now(), fraction: 0 }

  return {
    update(done, fraction) {
      const now = performance.now()
      const silentMs = now - last.at
      const hasStepped = fraction !== undefined && fraction - last.fraction >= stepFraction
      if (silentMs < quietMs || (silentMs < silenceMs && !hasStepped)) return
      last = { at: now, fraction: fraction ?? 0 }
      out.write(`${standingText(stopwatch(done, fraction))}\n`)
    },
    print: (text) => out.write(`${text}\n`),
    end() {},
  }
}

function createStopwatch(unit: string) {
  const startedAt = performance.now()
  return (done: number, fraction: number | undefined): Standing => {
    return { unit, done, fraction, seconds: (performance.now() - startedAt) / 1000 }
  }
}

const narrow = 60

/** The bar and its text, in one line of a terminal with this many columns. */
export function barText(standing: Standing, columns: number): string {
  const text = standingText(standing, columns < narrow)
  const room = columns < narrow ? columns - 28 : Math.min(40, columns - 50)
  const bar = standing.fraction === undefined ? '' : drawBar(standing.fraction, Math.max(0, room))
  return cut(bar === '' ? text : `${bar} ${text}`, columns - 1)
}

/** The same in words: ` 42 %  1,936 movies  9,812/s  3 s left`. */
export function standingText(standing: Standing, isShort = false): string {
  const { unit, done, fraction, seconds } = standing
  const parts = [isShort ? '' : `${whole(done)} ${unit}`, `${whole(done / seconds)}/s`]
  if (fraction === undefined) return parts.join('  ').trimStart()
  parts.unshift(`${Math.floor(fraction * 100)} %`.padStart(5))
  if (fraction > 0 && fraction < 1)
    parts.push(`${duration((seconds * (1 - fraction)) / fraction)} left`)
  return parts.filter((part) => part !== '').join('  ')
}

function drawBar(fraction: number, width: number): string {
  const full = Math.round(fraction * width)
  const rest = '░'.repeat(width - full)
  return full === 0 ? rest : styleText('green', '█'.repeat(full)) + rest
}

/** Nothing may wrap, as only the last line of a terminal can be overwritten. */
function cut(text: string, length: number): string {
  const plain = stripVTControlCharacters(text)
  return plain.length <= length ? text : plain.slice(0, length)
}
