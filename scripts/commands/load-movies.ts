// Loads movies from a file or an address into a running onebox: `npm run load-movies -- FILE|URL`.
import { STATUS_CODES } from 'node:http'
import { type MovieLine, openMovies } from '../site/movie-file.ts'
import { type Answer, fetchPatiently, TooSlow, Unreachable } from '../site/patient-fetch.ts'
import { findTarget, type Target } from '../site/target.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'
import { duration, whole } from '../terminal/format.ts'
import { createProgress, type Progress } from '../terminal/progress.ts'
import { step } from '../terminal/step.ts'

const help = `npm run load-movies -- FILE|URL [options]

Adds the movies of a file, or of an http(s) address, to a running onebox; those it has already
are replaced. The file is a JSON array of {"year", "title", "info"}, or one of them a line
(NDJSON, of any size). Running it again after a failure is safe and completes the load.

  --url URL        where onebox is (default http://127.0.0.1:8080)
  --stack NAME     or the stack that it is, whose token is then used
  --token TOKEN    the write token. Better set WRITE_TOKEN in the environment, as other users
                   of this machine can see the arguments of a command.
  --help           this text

DEBUG=1 shows where an error came from.`

// Small enough to move the bar often, large enough that the disk's share does not matter.
const firstLimits: Limits = { movies: 500, bytes: 512 * 1024 }
// A server that has answered before is probably being restarted, another one is not there.
const attempts = { atFirst: 3, later: 8 }

interface Options {
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

await runCommand(main)

async function main() {
  const options = await parseOptions()
  step(`Reading ${options.source}`)
  const movies = await openMovies(options.source)
  step(`Loading into ${options.target.base}`)
  await load(movies, options)
}

async function load(movies: AsyncIterable<MovieLine>, options: Options) {
  const startedAt = performance.now()
  const progress = createProgress('movies')
  const totals: Totals = { added: 0, replaced: 0 }
  const limits = { ...firstLimits }
  process.once('SIGINT', () => interrupt(progress, totals))
  try {
    await sendAll(movies)
  } catch (error) {
    throw new Error(`${(error as Error).message}. ${standing(totals)}`, { cause: error })
  } finally {
    progress.end()
  }
  report(totals, (performance.now() - startedAt) / 1000)

  /** In smaller requests from the first one on that the line is too slow for. */
  async function sendAll(movies: AsyncIterable<MovieLine> | MovieLine[]) {
    for await (const batch of batchesOf(movies, limits)) {
      const stored = await sendInTime(batch, options, patience(progress, totals))
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
    progress.say(`${whole(batch.length)} movies at once take too long to arrive: sending fewer`)
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

function patience(progress: Progress, totals: Totals) {
  const isKnown = sum(totals) > 0
  return { attempts: isKnown ? attempts.later : attempts.atFirst, say: progress.say }
}

/** What was stored, or undefined if fewer movies at once may arrive in time. */
async function sendInTime(...args: Parameters<typeof send>): Promise<Totals | undefined> {
  const [batch] = args
  try {
    return await send(...args)
  } catch (error) {
    if (error instanceof TooSlow && batch.length > 1) return undefined
    throw error
  }
}

async function send(
  batch: MovieLine[],
  options: Options,
  patience: Parameters<typeof fetchPatiently>[2],
): Promise<Totals> {
  const headers: Record<string, string> = { 'Content-Type': 'application/x-ndjson' }
  const { base, token } = options.target
  if (token !== undefined) headers.Authorization = `Bearer ${token}`
  const body = batch.map(({ text }) => text).join('\n')
  try {
    const init = { method: 'POST', headers, body }
    const answer = await fetchPatiently(new URL(`${base}/movies`), init, patience)
    return totalsOf(answer) ?? refuse(answer, batch, options)
  } catch (error) {
    if (!(error instanceof Unreachable) || error instanceof TooSlow) throw error
    const cure = 'start onebox with npm start, or say where it is with --url'
    throw new Error(`${error.message}: ${cure}`, { cause: error })
  }
}

function totalsOf({ status, text }: Answer): Totals | undefined {
  const { added, replaced } = status === 200 ? fieldsOf(text) : {}
  return Number.isInteger(added) && Number.isInteger(replaced)
    ? ({ added, replaced } as Totals)
    : undefined
}

/** Says what the server did not like in the words of the file. */
function refuse(answer: Answer, batch: MovieLine[], { source, target }: Options): never {
  const { base, token } = target
  const detail = detailOf(answer)
  if (answer.status === 401) {
    const cure = token === undefined ? 'set WRITE_TOKEN, or -- --token TOKEN' : 'check the token'
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
  const location = headers.get('location')
  if (location !== null) return `it has moved to ${location}: give that with --url`
  return status === 200
    ? 'this is not onebox: check --url'
    : (STATUS_CODES[status] ?? 'no reason given')
}

function titleOf({ text }: MovieLine): string {
  const { title } = fieldsOf(text)
  return typeof title === 'string' ? ` (${JSON.stringify(title.slice(0, 60))})` : ''
}

/** The fields of a JSON object; none where it is something else. */
function fieldsOf(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

function interrupt(progress: Progress, totals: Totals) {
  progress.end()
  console.log(`Interrupted. ${standing(totals)}`)
  process.exit(130)
}

function standing(totals: Totals): string {
  const stored = sum(totals)
  if (stored === 0) return 'Nothing is stored yet'
  return `Stored so far: ${whole(stored)}; running the same again completes the load`
}

function report({ added, replaced }: Totals, seconds: number) {
  const counts = `${whole(added)} added, ${whole(replaced)} replaced`
  step(`Loaded ${whole(added + replaced)} movies in ${duration(seconds)}: ${counts}`)
}

function sum({ added, replaced }: Totals): number {
  return added + replaced
}

/** @throws {Error} one line that names the argument and the cure */
async function parseOptions(): Promise<Options> {
  const { values, positionals } = parseArguments('load-movies', help, {
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      stack: { type: 'string' },
      token: { type: 'string' },
    },
  })
  const [source, ...others] = positionals
  if (source === undefined || others.length > 0) {
    const cure = 'npm run load-movies -- --help shows how'
    throw new Error(`Give one FILE or URL, got ${positionals.length}: ${cure}`)
  }
  const { stack, token, url = stack === undefined ? 'http://127.0.0.1:8080' : undefined } = values
  return { source, target: await findTarget({ stack, url, token }) }
}
