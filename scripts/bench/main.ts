import { statSync } from 'node:fs'
import { defineCommand } from '../terminal/command.ts'
import { dispatch, runCommand } from '../terminal/run.ts'
import { step } from '../terminal/step.ts'
import { assignCores, pinThisProcess } from './cores.ts'
import { fileSystemOf, machineFacts, missingTools } from './machine.ts'
import { about, declarations, type Options, readOptions } from './options.ts'
import { findContestants, findProxies, preparePage } from './peers.ts'
import { cleanUp, run, temporaryFolder } from './processes.ts'
import { goals } from './report/goals.ts'
import { note, printGoals } from './report/print.ts'
import type { Results } from './report/results.ts'
import { writeReport } from './report/write.ts'
import { measureDrawings } from './scenarios/drawings.ts'
import { measureDynamodb } from './scenarios/dynamodb.ts'
import { measureGet } from './scenarios/get.ts'
import { measureHttps } from './scenarios/https.ts'
import { measureLatency } from './scenarios/latency.ts'
import { measureLists } from './scenarios/lists.ts'
import { measureMemory } from './scenarios/memory.ts'
import { measureLone, measurePut, measureTmpfs } from './scenarios/put.ts'
import { measureRows } from './scenarios/rows.ts'
import type { Bench } from './servers.ts'
import { buildSlowDisk } from './slow-disk.ts'

const scenarios = {
  get: measureGet,
  put: measurePut,
  lone: measureLone,
  tmpfs: measureTmpfs,
  latency: measureLatency,
  rows: measureRows,
  lists: measureLists,
  drawings: measureDrawings,
  memory: measureMemory,
  https: measureHttps,
  dynamodb: measureDynamodb,
}

let interrupted = false
process.on('SIGINT', () => interrupt(130, 'Interrupted'))
process.on('SIGTERM', () => interrupt(143, 'Terminated'))
process.on('uncaughtException', (error) => interrupt(1, error.message))

const command = defineCommand({
  usage: '',
  about,
  options: declarations,
  async run(values) {
    const options = readOptions(values)
    checkTools()
    await installPeers()
    const bench = await prepare(options)
    const results: Results = {}
    for (const name of options.only) Object.assign(results, await scenarios[name](bench))
    await report(bench, results)
  },
})

await runCommand(async () => {
  try {
    await dispatch('npm run bench', command)
  } catch (error) {
    if (!interrupted) throw error
  } finally {
    await cleanUp()
  }
})

function checkTools() {
  const missing = missingTools()
  if (missing.length > 0) throw new Error(missing.join('; '))
}

async function installPeers() {
  if (changedAt('node_modules/.package-lock.json') >= changedAt('package-lock.json')) return
  step('Installing the peers (npm ci in scripts/bench)')
  await run(['npm', 'ci'], { cwd: import.meta.dirname })
}

/** 0 for a file that is not there. */
function changedAt(file: string): number {
  return statSync(new URL(file, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

async function prepare(options: Options): Promise<Bench> {
  const folder = temporaryFolder()
  const cores = assignCores()
  const bench: Bench = {
    ...{ options, folder, cores, contestants: [], proxies: [], page: {}, failures: [] },
  }
  bench.contestants = await findContestants(folder)
  if (options.only.includes('https')) bench.proxies = await findProxies()
  // Compilers may use all cores.
  await pinThisProcess(cores)
  note(
    everyone(bench)
      .map(({ name, version }) => `${name} ${version}`)
      .join(', '),
  )
  bench.slowDisk = await buildSlowDisk(folder)
  bench.page = await preparePage(bench)
  if ((await fileSystemOf(folder)) === 'tmpfs')
    note('TMPDIR is in memory: set it to a folder on a disk')
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
    versions: everyone(bench).map(({ name, version }) => ({ name, version })),
    results,
    goals: verdicts,
    failures: bench.failures,
  })
  if (bench.failures.length > 0) throw new Error(bench.failures.join('; '))
}

function everyone({ contestants, proxies }: Bench) {
  return [...contestants, ...proxies]
}

async function interrupt(exitCode: number, reason: string) {
  if (interrupted) return
  interrupted = true
  step(`${reason}: stopping the servers`)
  await cleanUp()
  process.exit(exitCode)
}
