import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawHistory, type Entry, entryOf } from '../bench/report/history.ts'
import { defineCommand } from '../terminal/command.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: 'FOLDER',
  about: 'Adds a benchmark to FOLDER/history.jsonl, one line each, and draws FOLDER/history.svg.',
  options: {
    report: {
      type: 'string',
      value: 'FILE',
      default: 'docs/benchmark.json',
      help: 'the benchmark to add',
    },
  },
  run({ report }, [folder = '']) {
    const entry = entryOf(JSON.parse(readFileSync(report, 'utf8')))
    const file = join(folder, 'history.jsonl')
    appendFileSync(file, `${JSON.stringify(entry)}\n`)
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    const entries: Entry[] = lines.map((line) => JSON.parse(line))
    writeFileSync(join(folder, 'history.svg'), drawHistory(entries))
    step(`Wrote ${folder}/history.svg with ${entries.length} benchmarks`)
  },
})
