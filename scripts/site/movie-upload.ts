import { STATUS_CODES } from 'node:http'
import { duration, whole } from '../terminal/format.ts'
import { createProgress, type Progress } from '../terminal/progress.ts'
import { step } from '../terminal/step.ts'
import {
  type Answer,
  fieldsOf,
  type Retry,
  requestWithRetry,
  TimedOut,
  Unanswered,
} from './client.ts'
import type { MovieLine } from './movie-file.ts'
import { authorization, type Target } from './target.ts'

// Small enough to move the bar often, large enough that the disk's share does not matter.
const firstLimits: Limits = { movies: 500, bytes: 512 * 1024 }
// A site that has answered before is probably restarting; another one may not be there at all.
const maxAttempts = { atFirst: 3, later: 8 }

interface Upload {
  /** The file or address, for messages. */
  source: string
  target: Target
}

/** Of one request. */
interface Limits {
  movies: number
  bytes: number
}

interface Totals {
  added: number
  replaced: number
}

/**
 * Sends the movies in requests of many, with a progress bar.
 * @throws {Error} what the site refused, in terms of the file, and how much is stored
 */
export async function uploadMovies(movies: AsyncIterable<MovieLine>, options: Upload) {
  const startedAt = performance.now()
  const progress = createProgress('movies')
  const totals: Totals = { added: 0, replaced: 0 }
  const limits = { ...firstLimits }
  process.once('SIGINT', () => interrupt(progress, totals))
  try {
    await sendAll(movies)
  } catch (error) {
    throw new Error(`${(error as Error).message}. ${storedText(totals)}`, { cause: error })
  } finally {
    progress.end()
  }
  printTotals(totals, (performance.now() - startedAt) / 1000)

  /** In smaller requests from the first one on that the line is too slow for. */
  async function sendAll(movies: AsyncIterable<MovieLine> | MovieLine[]) {
    for await (const batch of batchesOf(movies, limits)) {
      const stored = await sendInTime(batch, options, retryPolicy(options.target, progress, totals))
      if (stored) count(stored, batch)
      else await sendInParts(batch)
    }
  }

  function count({ added, replaced }: Totals, batch: MovieLine[]) {
    totals.added += added
    totals.replaced += replaced
    progress.update(sum(totals), batch.at(-1)?.fraction)
  }

  async function sendInParts(batch: MovieLine[]) {
    limits.bytes = batch.reduce((bytes, movie) => bytes + bytesOf(movie), 0) / 2
    progress.print(`${whole(batch.length)} movies at once take too long to arrive: sending fewer`)
    await sendAll(batch)
  }
}

/** Movies that go in one request. */
async function* batchesOf(
  movies: AsyncIterable<MovieLine> | MovieLine[],
  limits: Limits,
): AsyncGenerator<MovieLine[]> {
  let batch: MovieLine[] = []
  let bytes = 0
  for await (const movie of movies) {
    const isFull = bytes > 0 && bytes + bytesOf(movie) > limits.bytes
    if (isFull || batch.length === limits.movies) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(movie)
    bytes += bytesOf(movie)
  }
  if (batch.length > 0) yield batch
}

/** With the line feed after it. */
function bytesOf({ text }: MovieLine): number {
  return Buffer.byteLength(text) + 1
}

function retryPolicy({ base }: Target, progress: Progress, totals: Totals): Retry {
  const attempts = sum(totals) > 0 ? maxAttempts.later : maxAttempts.atFirst
  return {
    attempts,
    onRetry(trouble, attempt, waitMs) {
      const wait = duration(waitMs / 1000)
      progress.print(`${base}: ${trouble}; attempt ${attempt} of ${attempts} in ${wait}`)
    },
  }
}

/** What was stored, or undefined if fewer movies at once may arrive in time. */
async function sendInTime(batch: MovieLine[], options: Upload, retry: Retry) {
  try {
    const answer = await send(batch, options, retry)
    return totalsOf(answer) ?? refuse(answer, batch, options)
  } catch (error) {
    if (error instanceof TimedOut && batch.length > 1) return undefined
    throw error
  }
}

async function send(batch: MovieLine[], { target }: Upload, retry: Retry): Promise<Answer> {
  const headers = { 'Content-Type': 'application/x-ndjson', ...authorization(target) }
  const body = batch.map(({ text }) => text).join('\n')
  try {
    return await requestWithRetry(`${target.base}/movies`, { method: 'POST', headers, body }, retry)
  } catch (error) {
    if (error instanceof TimedOut) throw new TimedOut(`${target.base}: ${error.message}`)
    if (!(error instanceof Unanswered)) throw error
    const cure = 'start onebox with npm start, or name another site with --url'
    throw new Error(`${target.base} does not answer (${error.message}): ${cure}`, { cause: error })
  }
}

function totalsOf({ status, text }: Answer): Totals | undefined {
  const { added, replaced } = status === 200 ? fieldsOf(text) : {}
  return Number.isInteger(added) && Number.isInteger(replaced)
    ? ({ added, replaced } as Totals)
    : undefined
}

/** Reports what the site refused by its place in the file. */
function refuse(answer: Answer, batch: MovieLine[], { source, target }: Upload): never {
  const { base, token } = target
  const detail = detailOf(answer)
  if (answer.status === 401) {
    const cure = token === undefined ? 'set WRITE_TOKEN, or add --token TOKEN' : 'check the token'
    throw new Error(`${base} answers 401 (${detail}): ${cure}`)
  }
  const [, line, what] = /^Line (\d+): (.*)/s.exec(detail) ?? []
  const movie = batch[Number(line) - 1]
  if (movie) throw new Error(`${source}, ${movie.place}${titleOf(movie)}: ${what}`)
  const place = `${source} from ${batch[0]?.place} on`
  throw new Error(`${base}/movies answers ${answer.status} (${detail}) to ${place}`)
}

function detailOf({ status, headers, text }: Answer): string {
  const { detail } = fieldsOf(text)
  if (typeof detail === 'string') return detail.slice(0, 400)
  const location = headers.location
  if (location !== undefined) return `it has moved to ${location}: use that with --url`
  return status === 200
    ? 'this is not onebox: check --url'
    : (STATUS_CODES[status] ?? 'no reason given')
}

function titleOf({ text }: MovieLine): string {
  const { title } = fieldsOf(text)
  return typeof title === 'string' ? ` (${JSON.stringify(title.slice(0, 60))})` : ''
}

function interrupt(progress: Progress, totals: Totals) {
  progress.end()
  console.log(`Interrupted. ${storedText(totals)}`)
  process.exit(130)
}

function storedText(totals: Totals): string {
  const stored = sum(totals)
  if (stored === 0) return 'Nothing is stored yet'
  return `Stored so far: ${whole(stored)}; running the same again completes the load`
}

function printTotals({ added, replaced }: Totals, seconds: number) {
  const counts = `${whole(added)} added, ${whole(replaced)} replaced`
  step(`Loaded ${whole(added + replaced)} movies in ${duration(seconds)}: ${counts}`)
}

function sum({ added, replaced }: Totals): number {
  return added + replaced
}
