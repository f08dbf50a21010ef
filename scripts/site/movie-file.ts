import { open } from 'node:fs/promises'
import { parseJson } from '../../server/http/json.ts'

/** One movie as a line of NDJSON. */
export interface MovieLine {
  text: string
  /** Its place in the file: `movie 12` of an array, or `line 12`. */
  place: string
  /** The part of the file up to its end, if the size is known. */
  fraction: number | undefined
}

interface Input {
  name: string
  chunks: AsyncIterable<Uint8Array>
  totalBytes: number | undefined
}

const lineLimit = 2 ** 20
// Parsing it takes about 1 GB of memory. V8's strings are limited to 512 MiB.
const arrayLimit = 256 * 2 ** 20

/**
 * Opens a file or a URL with a JSON array of movies, or with one movie per line (NDJSON). An array is
 * read and parsed at once, lines as they are needed.
 * @throws {Error} one line that names the file and the cure
 */
export async function openMovies(name: string): Promise<AsyncIterable<MovieLine>> {
  const input = await (/^https?:\/\//i.test(name) ? openUrl(name) : openFile(name))
  const texts = decode(input)
  const start = await readStart(name, texts)
  const sign = start.trimStart()[0] as string
  if (sign === '[') return elementsOf(parseArray(name, await readRest(name, start, texts)))
  if (sign === '{') return linesOf(input, start, texts)
  throw new Error(
    `${name} is not JSON: it must be an array of movies, or one movie per line (NDJSON)`,
  )
}

async function openFile(name: string): Promise<Input> {
  try {
    const file = await open(name)
    const stat = await file.stat()
    const totalBytes = stat.isFile() ? stat.size : undefined
    return { name, chunks: file.createReadStream(), totalBytes }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Error(`There is no file ${name}: check the name`)
    throw new Error(`${name} cannot be opened: ${message}`, { cause: error })
  }
}

async function openUrl(name: string): Promise<Input> {
  const response = await fetch(name).catch((error) => {
    const reason = reasonOf(error)
    throw new Error(`${name} cannot be fetched (${reason}): check the address`, { cause: error })
  })
  const { status, statusText, headers, body } = response
  if (!response.ok || !body) {
    await body?.cancel()
    throw new Error(`${name} answers ${`${status} ${statusText}`.trim()}: check the address`)
  }
  return { name, chunks: body, totalBytes: lengthOf(headers) }
}

/** Unknown for a compressed body, whose length is not that of the text. */
function lengthOf(headers: Headers): number | undefined {
  if (headers.has('content-encoding')) return undefined
  return Number(headers.get('content-length')) || undefined
}

/** The reason below "fetch failed", such as ECONNREFUSED. */
function reasonOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown }
  const { code, errors, message } = cause as {
    code?: string
    errors?: { code?: string }[]
    message?: string
  }
  return code || errors?.[0]?.code || message || String(error)
}

async function* decode({ name, chunks }: Input): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true })
    yield decoder.decode()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EISDIR') throw new Error(`${name} is a folder: name a file in it`)
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw new Error(`${name} is not UTF-8 text: unpack it, or save it as UTF-8`)
    }
    throw new Error(`${name} was cut off (${reasonOf(error)})`, { cause: error })
  }
}

/** The text up to the first chunk with more than white space. */
async function readStart(name: string, texts: AsyncGenerator<string>): Promise<string> {
  let start = ''
  while (start.trimStart() === '') {
    const { done, value } = await texts.next()
    if (done || start.length > lineLimit) throw new Error(`${name} is empty`)
    start += value
  }
  return start
}

async function readRest(name: string, start: string, texts: AsyncGenerator<string>) {
  const parts = [start]
  let length = start.length
  for await (const text of texts) {
    length += text.length
    if (length > arrayLimit) {
      const megabytes = arrayLimit / 2 ** 20
      const cure = 'make it one movie per line, as jq -c .[] does'
      throw new Error(`${name} is an array of over ${megabytes} MiB: ${cure}`)
    }
    parts.push(text)
  }
  return parts.join('')
}

/** As strict as the server, which could not see what JSON.parse drops here. */
function parseArray(name: string, text: string): unknown[] {
  let movies: unknown[]
  try {
    movies = parseJson(text) as unknown[]
  } catch (error) {
    const place = placeOfFault(text)
    throw new Error(`${name}${place}: ${(error as Error).message}`, { cause: error })
  }
  if (movies.length === 0) throw new Error(`${name} is an empty array`)
  return movies
}

/** Empty if the text is not JSON, or has a duplicate key, which parsing drops. */
function placeOfFault(text: string): string {
  try {
    const movies: unknown[] = JSON.parse(text)
    const index = movies.findIndex((movie) => !isStrict(JSON.stringify(movie)))
    return index < 0 ? '' : `, movie ${index + 1}`
  } catch {
    return ''
  }
}

function isStrict(text: string): boolean {
  try {
    parseJson(text)
    return true
  } catch {
    return false
  }
}

async function* elementsOf(movies: unknown[]): AsyncGenerator<MovieLine> {
  for (const [index, movie] of movies.entries()) {
    const number = index + 1
    const fraction = number / movies.length
    yield { text: JSON.stringify(movie), place: `movie ${number}`, fraction }
  }
}

async function* linesOf(
  { name, totalBytes }: Input,
  start: string,
  texts: AsyncGenerator<string>,
): AsyncGenerator<MovieLine> {
  let number = 0
  let bytes = 0
  let rest = start
  for await (const text of texts) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    for (const line of lines) yield* toLine(line)
    if (rest.length > lineLimit) {
      throw new Error(`${name}, line ${number + 1}: not a movie, as it is over 1 MiB long`)
    }
  }
  yield* toLine(rest)

  function* toLine(text: string): Generator<MovieLine> {
    number += 1
    bytes += Buffer.byteLength(text) + 1
    const fraction = totalBytes === undefined ? undefined : Math.min(1, bytes / totalBytes)
    if (text.trim() !== '') yield { text, place: `line ${number}`, fraction }
  }
}
