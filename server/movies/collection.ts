import type { Database } from '../database/database.ts'

/** All movies in numbers. */
export interface Collection {
  count: number
  /** In order. */
  years: [year: number, count: number][]
  /** How many have a rating from 0 up to 0.5, from 0.5 up to 1 and so on; the last one includes 10. */
  ratings: number[]
}

export const ratingSteps = 20

const perYear = `
  SELECT year, sum(count) AS total FROM movie_counts GROUP BY year HAVING total > 0 ORDER BY year`

const perRating = `
  SELECT halves, sum(count) FROM movie_counts WHERE halves >= 0 GROUP BY halves`

/** Makes the function that reads the numbers, at most once for every change of the database. */
export function createCollection({
  read,
  version,
}: Pick<Database, 'read' | 'version'>): () => Collection {
  const years = read.prepare<[], [number, number]>(perYear).raw()
  const ratings = read.prepare<[], [number, number]>(perRating).raw()
  let readAt = -1
  let collection: Collection

  return function current() {
    const latest = version()
    if (latest !== readAt) collection = readCollection()
    readAt = latest
    return collection
  }

  function readCollection(): Collection {
    const rated = new Map(ratings.all())
    const numbers = years.all()
    return {
      count: numbers.reduce((sum, [, count]) => sum + count, 0),
      years: numbers,
      ratings: Array.from({ length: ratingSteps }, (_, step) => rated.get(step) ?? 0),
    }
  }
}
