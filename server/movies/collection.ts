import { setImmediate } from 'node:timers/promises'
import type { Database } from '../database/database.ts'
import type { MovieKey } from './movie.ts'

/** All movies in numbers. */
export interface Collection {
  count: number
  /** In order. */
  years: [year: number, count: number][]
  /** How many have a rating from 0 up to 0.5, from 0.5 up to 1 and so on; the last one includes 10. */
  ratings: number[]
}

export const ratingSteps = 20

// A part takes a few milliseconds, between which other requests have their turn.
const moviesAPart = 5000
// Beyond this many, readers get the last numbers until the next ones are there.
const quickMovies = 100_000

const from = '(year, title) > (:year, :title)'

const endOfPart = `
  SELECT year, title FROM movies WHERE ${from}
  ORDER BY year, title LIMIT 1 OFFSET ${moviesAPart - 1}`

// Grouping by rating would sort every row: much slower than a list of ratings. JSON has no line ends.
const part = `
  SELECT year, count(*) AS count, group_concat(info -> '$.rating', char(10)) AS ratings
  FROM movies WHERE ${from} AND (year, title) <= (:lastYear, :lastTitle) GROUP BY year`

interface Part {
  year: number
  count: number
  ratings: string | null
}

/** Makes the function that counts the movies, at most once for every change of the database. */
export function createCollection({ read, version }: Database): () => Promise<Collection> {
  const findEnd = read.prepare<MovieKey, MovieKey>(endOfPart)
  const countPart = read.prepare<object, Part>(part)
  let countedAt = -1
  let counted: Collection | undefined
  let counting: Promise<Collection> | undefined

  return function current() {
    const latest = version()
    if (counted && countedAt === latest) return Promise.resolve(counted)
    counting ??= count(latest).finally(() => {
      counting = undefined
    })
    return counted && counted.count > quickMovies ? Promise.resolve(counted) : counting
  }

  async function count(latest: number): Promise<Collection> {
    const collection: Collection = { count: 0, years: [], ratings: Array(ratingSteps).fill(0) }
    let next: MovieKey | undefined = { year: 0, title: '' }
    while (next) {
      next = addPart(collection, next)
      if (next) await setImmediate()
    }
    countedAt = latest
    counted = collection
    return collection
  }

  /** Gives the last movie of the part, unless it was the last part. */
  function addPart(collection: Collection, after: MovieKey): MovieKey | undefined {
    const end = findEnd.get(after)
    const { year: lastYear, title: lastTitle } = end ?? { year: 10_000, title: '' }
    for (const row of countPart.iterate({ ...after, lastYear, lastTitle })) add(collection, row)
    return end
  }
}

function add(collection: Collection, { year, count, ratings }: Part) {
  collection.count += count
  const last = collection.years.at(-1)
  if (last?.[0] === year) last[1] += count
  else collection.years.push([year, count])
  for (const text of ratings?.split('\n') ?? []) {
    const step = Math.min(Math.floor(2 * Number(text)), ratingSteps - 1)
    if (step >= 0) collection.ratings[step] = (collection.ratings[step] as number) + 1
  }
}
