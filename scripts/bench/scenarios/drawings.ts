import { existsSync } from 'node:fs'
import { step } from '../../terminal/step.ts'
import { note, printProgress } from '../report/print.ts'
import type { Results } from '../report/results.ts'
import { hundredths, median } from '../report/statistics.ts'
import { alternate } from '../rounds.ts'
import { type Bench, type Running, send, withServers } from '../servers.ts'
import { prefill, tableFolder } from './rows.ts'

const size = 10_000
const drawingsARound = 50

/** How long a lone client waits for a drawing of all movies right after a change. */
export async function measureDrawings(bench: Bench): Promise<Results> {
  const dataDir = tableFolder(bench, size)
  if (!existsSync(dataDir)) await prefill(bench, size)
  step(`GET /movies/years.svg of ${size.toLocaleString('en-US')} movies, each after a change`)
  const onebox = bench.contestants.slice(0, 1)
  const drawingMs = await withServers(bench, onebox, { dataDir }, async (servers) => {
    const [times = []] = await alternate(bench.options.rounds, servers, async (server, round) => {
      const time = await measure(server, round)
      printProgress(bench, round, server.name, `${time} ms`)
      return time
    })
    return hundredths(median(times))
  })
  note(`${drawingMs} ms`)
  return { drawingMs }
}

async function measure({ url }: Running, round: number): Promise<number> {
  const times: number[] = []
  for (let index = 0; index < drawingsARound; index += 1) {
    await send('POST', `${url}/movies?year=${2000 + round}&title=${index}&rating=5`)
    const start = performance.now()
    await send('GET', `${url}/movies/years.svg`)
    times.push(performance.now() - start)
  }
  return hundredths(median(times))
}
