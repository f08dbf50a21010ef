import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { step } from '../../terminal/step.ts'
import { isWholeRun, type Options } from '../options.ts'
import { run } from '../processes.ts'
import { drawPlot } from './plot.ts'
import type { Report } from './results.ts'

const root = join(import.meta.dirname, '../../..')

/** A shortened run is written to dist/bench, as the docs show complete runs only. */
export async function writeReport(options: Options, report: Report) {
  const whole = isWholeRun(options)
  const folder = join(root, whole ? 'docs' : 'dist/bench')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'benchmark.svg'), drawPlot(report))
  writeFileSync(join(folder, 'benchmark.json'), `${JSON.stringify(report, null, 2)}\n`)
  if (whole) await format(join(folder, 'benchmark.json'))
  step(`Wrote ${relative(root, folder)}/benchmark.svg and benchmark.json`)
}

/** `npm run lint` checks docs/ too. */
async function format(file: string) {
  const biome = join(root, 'node_modules/.bin/biome')
  if (existsSync(biome)) await run([biome, 'format', '--write', file], { cwd: root })
}
