// Runs onebox and its peers side by side and writes down what came of it: `npm run bench`.
import { existsSync } from 'node:fs'
import { assignCores, pinThisProcess } from './cores.ts'
import { fileSystemOf, machineFacts, missingTools } from './machine.ts'
import { help, type Options, parseOptions } from './options.ts'
import { findContestants, preparePage } from './peers.ts'
import { cleanUp, run, temporaryFolder } from './processes.ts'
import { goals } from './report/goals.ts'
import { failed, note, printGoals, step } from './report/print.ts'
import type { Results } from './report/results.ts'
import { writeReport } from './report/write.ts'
import { measureGet } from './scenarios/get.ts'
import { measureLatency } from './scenarios/latency.ts'
import { measureMemory } from './scenarios/memory.ts'
import { measurePut } from './scenarios/put.ts'
import { measureRows } from './scenarios/rows.ts'
import type { Bench } from './servers.ts'
import { buildSlowDisk } from './slow-disk.ts'

const scenarios = {
  get: measureGet,
  put: measurePut,
  latency: measureLatency,
  rows: measureRows,
  memory: measureMemory,
}

let interrupted = false
process.on('SIGINT', () => interrupt(130, 'Interrupted'))
process.on('SIGTERM', () => interrupt(143, 'Terminated'))
process.on('uncaughtException', (error) => interrupt(1, error.message))

try {
  await main()
} catch (error) {
  if (!interrupted) fail(error)
} finally {
  await cleanUp()
}

async function main() {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) return console.log(help)
  checkTools()
  await installPeers()
  const bench = await prepare(options)
  const results: Results = {}
  for (const name of options.only) Object.assign(results, await scenarios[name](bench))
  await report(bench, results)
}

function checkTools() {
  const missing = missingTools()
  if (missing.length > 0) throw new Error(missing.join('\n'))
}

async function installPeers() {
  if (existsSync(new URL('node_modules', import.meta.url))) return
  step('Installing the peers (npm ci in scripts/bench)')
  await run(['npm', 'ci'], { cwd: import.meta.dirname })
}

async function prepare(options: Options): Promise<Bench> {
  const folder = temporaryFolder()
  const cores = assignCores()
  await pinThisProcess(cores)
  const bench: Bench = { options, folder, cores, contestants: [], page: {}, failures: [] }
  bench.contestants = await findContestants(folder)
  note(bench.contestants.map(({ name, version }) => `${name} ${version}`).join(', '))
  bench.slowDisk = await buildSlowDisk(folder)
  bench.page = await preparePage(bench)
  if ((await fileSystemOf(folder)) === 'tmpfs') note('No disk here: set TMPDIR to a folder on one')
  return bench
}

async function report(bench: Bench, results: Results) {
  const verdicts = goals(results)
  printGoals(verdicts)
  await writeReport(bench.options, {
    date: new Date().toISOString(),
    machine: await machineFacts(bench),
    rounds: bench.options.rounds,
    seconds: bench.options.seconds,
    versions: bench.contestants.map(({ name, version }) => ({ name, version })),
    results,
    goals: verdicts,
    failures: bench.failures,
  })
  if (bench.failures.length > 0) throw new Error(bench.failures.join('\n'))
}

function fail(error: unknown) {
  failed(error)
  process.exitCode = 1
}

async function interrupt(exitCode: number, reason: string) {
  if (interrupted) return
  interrupted = true
  step(`${reason}: ending the servers`)
  await cleanUp()
  process.exit(exitCode)
}
