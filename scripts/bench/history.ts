// Adds a benchmark to those before it, and plots them over time: `npm run bench:history`.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'
import { step } from '../terminal/step.ts'
import { drawHistory, type Entry, entryOf } from './report/history.ts'

const help = `npm run bench:history -- --dir DIR [options]

Adds the figures of a benchmark to DIR/history.jsonl, a line each, and draws DIR/history.svg.

  --dir DIR        where the history is
  --report FILE    the benchmark (default docs/benchmark.json)
  --help           this text`

await runCommand(async () => {
  const { values } = parseArguments('bench:history', help, {
    options: {
      dir: { type: 'string' },
      report: { type: 'string', default: 'docs/benchmark.json' },
    },
  })
  if (values.dir === undefined) throw new Error('Where is the history? Add --dir history')
  const entry = entryOf(JSON.parse(readFileSync(values.report, 'utf8')))
  const file = join(values.dir, 'history.jsonl')
  appendFileSync(file, `${JSON.stringify(entry)}\n`)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const entries: Entry[] = lines.map((line) => JSON.parse(line))
  writeFileSync(join(values.dir, 'history.svg'), drawHistory(entries))
  step(`Wrote ${values.dir}/history.svg, of ${entries.length} benchmarks`)
})
