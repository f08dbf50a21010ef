import { conditionOf } from '../dynamodb/conditions.ts'
import type { Dynamo, Write } from '../dynamodb/dynamo.ts'
import { tooBusy } from '../dynamodb/errors.ts'
import { HttpError, tryLater } from '../http/http-error.ts'
import { nameOf, newVersion, toItem } from './dynamodb-item.ts'
import type { Movie } from './movie.ts'
import type { Notes } from './notes.ts'
import type { StoredMovie } from './store.ts'

// A transaction takes 100 items and 4 MB.
const chunkLimit = 100
const chunkLimitBytes = 3.5 * 2 ** 20
const chunksAtOnce = 16
const attemptsLimit = 10
const unconditional = { ifMatch: undefined, ifNoneMatch: undefined }

interface Counts {
  added: number
  replaced: number
}

/**
 * Makes the function that stores many movies, in transactions of up to 100: each stores all of its
 * movies or none, and knows how many were there before.
 */
export function createBulk({ tables, transact }: Dynamo, notes: Notes) {
  const TableName = tables.movies.name

  /** @throws {HttpError} that says how many movies are stored, unless none is */
  return async function saveAll(movies: Movie[]): Promise<Counts> {
    const latest = new Map(movies.map((movie) => [nameOf(movie), movie]))
    const version = newVersion()
    const chunks = chunksOf([...latest.values()].map((movie) => ({ ...movie, version })))
    const counts = { added: 0, replaced: movies.length - latest.size }
    let stored = 0
    try {
      await inParallel(chunks, chunksAtOnce, async (chunk) => {
        const added = await saveChunk(chunk)
        counts.added += added
        counts.replaced += chunk.length - added
        stored += chunk.length
      })
    } catch (error) {
      throw stored > 0 ? explain(error, stored, latest.size) : error
    }
    return counts
  }

  /** Resolves to how many were not there before. */
  async function saveChunk(chunk: StoredMovie[]): Promise<number> {
    await notes.put(chunk)
    let isNew = chunk.map(() => true)
    for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
      const puts = chunk.map((movie, index) => putOf(movie, isNew[index] as boolean))
      const failed = await transact(puts, 'lists')
      if (failed === undefined) return isNew.filter(Boolean).length
      // What the refused transaction found out is the condition of the next.
      isNew = isNew.map(
        (guess, index) => guess !== (failed[index]?.Code === 'ConditionalCheckFailed'),
      )
    }
    throw tooBusy()
  }

  function putOf(movie: StoredMovie, isNew: boolean): Write {
    return {
      Put: { TableName, Item: toItem(movie), ...conditionOf(unconditional, { mustExist: !isNew }) },
    }
  }
}

/** Parts that fit into a transaction. */
function chunksOf(movies: StoredMovie[]): StoredMovie[][] {
  const chunks: StoredMovie[][] = []
  let bytes = Infinity
  for (const movie of movies) {
    const size = Buffer.byteLength(movie.info) + Buffer.byteLength(movie.title) + 100
    const last = chunks.at(-1)
    bytes += size
    if (last && last.length < chunkLimit && bytes <= chunkLimitBytes) last.push(movie)
    else {
      chunks.push([movie])
      bytes = size
    }
  }
  return chunks
}

/** Starts no more tasks once one has failed; those under way are waited for. */
async function inParallel<Item>(items: Item[], limit: number, task: (item: Item) => Promise<void>) {
  const rest = items.values()
  const failures: unknown[] = []
  await Promise.all(Array.from({ length: limit }, work))
  if (failures.length > 0) throw failures[0]

  async function work() {
    for (const item of rest) {
      if (failures.length > 0) return
      await task(item).catch((error) => failures.push(error))
    }
  }
}

function explain(error: unknown, stored: number, all: number): unknown {
  if (!(error instanceof HttpError)) return error
  const detail = `${stored} of ${all} movies are stored, in no order: send all of them again`
  return tryLater(503, `${error.message.split(':')[0]}; ${detail}`, 1)
}
