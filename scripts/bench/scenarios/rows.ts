import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../../terminal/step.ts'
import { movieAt, randomPoint } from '../movies.ts'
import { run } from '../processes.ts'
import { printProgress, printRows } from '../report/print.ts'
import { type Results, type Rows, rateOf } from '../report/results.ts'
import { alternate } from '../rounds.ts'
import { type Bench, type Running, send, withServers } from '../servers.ts'
import { load, warmUp } from '../wrk.ts'

const connections = 64
const pageLimit = 100
/** Many keys, so that each round reads rows all over the table. */
const pointCount = 200_000
const pageCount = 400
const yearCount = 125
const prefillScript = join(import.meta.dirname, '../prefill.ts')

/** Reads of one movie, of pages and by title, in small and large tables. */
export async function measureRows(bench: Bench): Promise<Results> {
  const sizes = sizesOf(bench)
  for (const size of sizes) await prefill(bench, size)
  step(`GET /movies: ${connections} connections, points, pages and searches of ${pageLimit}`)
  const rows = await withTables(bench, sizes, [])
  printRows(rows)
  return { rows }
}

function sizesOf({ options }: Bench): number[] {
  if (options.quick) return [1000, 100_000]
  return options.tenMillion ? [1000, 1_000_000, 10_000_000] : [1000, 1_000_000]
}

/** The server creates the schema; then the rows are written to its file directly. */
export async function prefill(bench: Bench, size: number) {
  step(`Filling a table with ${size.toLocaleString('en-US')} movies`)
  const dataDir = tableFolder(bench, size)
  mkdirSync(dataDir)
  await withServers(bench, bench.contestants.slice(0, 1), { dataDir }, async () => {})
  const command = [process.execPath, prefillScript, join(dataDir, 'onebox.db'), `${size}`]
  await run(command, { stdio: ['ignore', 'inherit', 'pipe'] })
}

/** Starts one server per table, and measures once all are up. */
async function withTables(bench: Bench, sizes: number[], servers: Running[]): Promise<Rows[]> {
  const [size, ...rest] = sizes
  if (size === undefined) return measureServers(bench, servers)
  const onebox = bench.contestants.slice(0, 1)
  return withServers(bench, onebox, { dataDir: tableFolder(bench, size) }, (started) =>
    withTables(bench, rest, [...servers, ...started]),
  )
}

async function measureServers(bench: Bench, servers: Running[]): Promise<Rows[]> {
  const sizes = sizesOf(bench)
  const reads = await measureReads(bench, sizes, servers)
  const searches = sizes.map((size) => writePaths(bench, `searches-${size}`, searchPaths(size)))
  const searchRates = await measurePaths(bench, servers, searches)
  return reads.map((row, index) => ({
    ...row,
    searches: rateOf('searches', searchRates[index]),
  }))
}

/** Points and full pages, of one server for each size. */
export async function measureReads(
  bench: Bench,
  sizes: number[],
  servers: Running[],
): Promise<Rows[]> {
  const points = sizes.map((size) => writePaths(bench, `points-${size}`, pointPaths(size)))
  const pages: string[] = []
  for (const [index, server] of servers.entries()) {
    const paths = await pagePaths(server, sizes[index] ?? 0)
    pages.push(writePaths(bench, `pages-${sizes[index]}`, paths))
  }
  const pointRates = await measurePaths(bench, servers, points)
  const pageRates = await measurePaths(bench, servers, pages)
  return sizes.map((rows, index) => ({
    rows,
    points: rateOf('points', pointRates[index]),
    pages: rateOf('pages', pageRates[index]),
  }))
}

async function measurePaths(bench: Bench, servers: Running[], files: string[]) {
  const items = servers.map((server, index) => ({ server, file: files[index] ?? '' }))
  const { rounds, seconds } = bench.options
  const loadOf = (file: string) => ({ script: 'paths.lua', connections, args: [file] }) as const
  for (const { server, file } of items) await warmUp(bench, server, loadOf(file))
  return alternate(rounds, items, async ({ server, file }, round) => {
    const rate = await load(bench, server, { ...loadOf(file), seconds })
    printProgress(
      bench,
      round,
      file.replace(/.*\//, ''),
      `${rate.toLocaleString('en-US')} requests/s`,
    )
    return rate
  })
}

function pointPaths(size: number): string[] {
  return Array.from({ length: pointCount }, () => randomPoint(size))
}

/** Full pages: each prefix is of a hundred titles. */
function searchPaths(size: number): string[] {
  return Array.from({ length: pageCount }, () => {
    const { title } = movieAt(Math.floor(Math.random() * size), size)
    return `/movies?limit=${pageLimit}&search=${encodeURIComponent(title.slice(0, -2).toUpperCase())}`
  })
}

/** Full pages only, with cursors from the server at random years and distances. */
async function pagePaths({ url }: Running, size: number): Promise<string[]> {
  const paths: string[] = []
  const distances = Math.min(1000, size / yearCount - 1)
  for (let tries = 0; tries < 2 * pageCount && paths.length < pageCount; tries += 1) {
    const year = 1900 + Math.floor(Math.random() * yearCount)
    const distance = 1 + Math.floor(Math.random() * distances)
    const path = await pageAfter(url, `/movies?year=${year}&limit=${distance}`)
    if (path) paths.push(path)
  }
  if (paths.length < pageCount) throw new Error(`Only ${paths.length} full pages were found`)
  return paths
}

async function pageAfter(url: string, path: string): Promise<string | null> {
  const { next } = JSON.parse((await send('GET', url + path)).text)
  const cursor = new URL(next ?? '/', url).searchParams.get('cursor')
  if (cursor === null) return null
  const page = `/movies?limit=${pageLimit}&cursor=${encodeURIComponent(cursor)}`
  const { movies } = JSON.parse((await send('GET', url + page)).text)
  return movies?.length === pageLimit ? page : null
}

function writePaths({ folder }: Bench, name: string, paths: string[]): string {
  const file = join(folder, name)
  writeFileSync(file, `${paths.join('\n')}\n`)
  return file
}

export function tableFolder({ folder }: Bench, size: number): string {
  return join(folder, `table-${size}`)
}
