import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../../terminal/step.ts'
import { printLists, printProgress } from '../report/print.ts'
import { type Results, rateOf } from '../report/results.ts'
import { alternate } from '../rounds.ts'
import { type Bench, type Running, withServers } from '../servers.ts'
import { load, warmUp } from '../wrk.ts'
import { prefill, tableFolder } from './rows.ts'

const connections = 64
const size = 1000
const html = 'text/html'

interface Item {
  name: string
  server: Running
  accept: string
}

/** The first hundred movies, as JSON, as a page, and as a page of Flask and Jinja with the same rows. */
export async function measureLists(bench: Bench): Promise<Results> {
  const dataDir = tableFolder(bench, size)
  if (!existsSync(dataDir)) await prefill(bench, size)
  step(`GET /movies: ${connections} connections, JSON and pages`)
  const contestants = bench.contestants.filter(({ name }) => ['onebox', 'Flask'].includes(name))
  const lists = await withServers(bench, contestants, { dataDir }, async ([onebox, flask]) => {
    const items: Item[] = [
      { name: 'onebox, JSON', server: onebox as Running, accept: '*/*' },
      { name: 'onebox', server: onebox as Running, accept: html },
      ...(flask ? [{ name: 'Flask', server: flask, accept: html }] : []),
    ]
    const file = join(bench.folder, 'lists')
    writeFileSync(file, '/movies\n')
    for (const item of items) await warmUp(bench, item.server, loadOf(file, item))
    const rates = await alternate(bench.options.rounds, items, async (item, round) => {
      const { seconds } = bench.options
      const rate = await load(bench, item.server, { ...loadOf(file, item), seconds })
      printProgress(bench, round, item.name, `${rate.toLocaleString('en-US')} requests/s`)
      return rate
    })
    return items.map(({ name }, index) => rateOf(name, rates[index]))
  })
  printLists(lists)
  return { lists }
}

function loadOf(file: string, { accept }: Item) {
  return { script: 'paths.lua', connections, args: [file, accept] } as const
}
