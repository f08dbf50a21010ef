import { duration } from './format.ts'

export type Live = ReturnType<typeof createLive>

type Out = typeof process.stdout

const redrawMs = 1000
const reportMs = 30_000

/**
 * The status of a long task: on a terminal, a last line that is kept up to date; elsewhere, a line
 * after each silent half minute.
 */
export function createLive(out: Out = process.stdout) {
  const isTerminal = out.isTTY && process.env.TERM !== 'dumb'
  const startedAt = performance.now()
  let current = ''
  const timer = setInterval(isTerminal ? draw : report, isTerminal ? redrawMs : reportMs)

  return {
    /** Prints a line that stays. */
    print(text: string) {
      erase()
      out.write(`${text}\n`)
      if (isTerminal) draw()
      else timer.refresh()
    },
    /** Sets the current state, which is shown with the time since the start. */
    show(text: string) {
      current = text
      if (isTerminal) draw()
    },
    end() {
      clearInterval(timer)
      erase()
    },
  }

  function draw() {
    // Nothing may wrap, as only the last line of a terminal can be overwritten.
    if (current !== '') out.write(`\r${stateText().slice(0, (out.columns || 80) - 1)}\x1b[K`)
  }

  function erase() {
    if (isTerminal) out.write('\r\x1b[K')
  }

  function report() {
    if (current !== '') out.write(`${stateText()}\n`)
  }

  function stateText(): string {
    return `  ${duration((performance.now() - startedAt) / 1000).padStart(10)}  ${current}`
  }
}
