import { randomInt } from 'node:crypto'
import type { Database } from '../database/database.ts'
import { preconditionParameters, preconditionsHold } from '../database/preconditions.ts'
import type { Preconditions } from '../http/conditional.ts'
import type { Movie, MovieKey } from './movie.ts'

/** The limits of a page, in movies and in bytes of their info. */
interface PageSize {
  limit: number
  limitBytes: number
}

export interface MovieStore {
  find: (key: MovieKey) => (Movie & Versioned) | undefined
  /** Movies in the order of year and title, from the first one after `after`; `more` when it stopped early. */
  list: (size: PageSize, after: MovieKey, year?: number) => { movies: Movie[]; more: boolean }
  /** Adds or replaces one; undefined if the preconditions do not hold. */
  save: (movie: Movie, preconditions: Preconditions) => Promise<Saved | undefined>
  /** Adds or replaces all of them or, if it throws, none. */
  saveAll: (movies: Movie[]) => Promise<{ added: number; replaced: number }>
  /** Resolves to whether there was one to remove that meets the preconditions. */
  remove: (key: MovieKey, preconditions: Preconditions) => Promise<boolean>
}

interface Versioned {
  /** Different after every write. */
  version: number
}

interface Saved extends Versioned {
  added: boolean
}

const thisMovie = 'FROM movies WHERE year = :year AND title = :title'

// Replacements are counted from a random start: no two states of a movie have the same number,
// even if it was removed and added again in between.
const version = 'replacements AS version'

const find = `SELECT year, title, info, ${version} ${thisMovie}`

const list = `
  SELECT year, title, info FROM movies
  WHERE (year, title) > (:year, :title) AND year <= :lastYear
  ORDER BY year, title LIMIT :limit`

const holds = preconditionsHold(`SELECT CAST(replacements AS TEXT) AS version ${thisMovie}`)

const upsert = (condition: string) => `
  INSERT INTO movies (year, title, info, replacements)
  SELECT :year, :title, :info, :start WHERE ${condition}
  ON CONFLICT (year, title) DO UPDATE SET info = excluded.info, replacements = replacements + 1
  RETURNING replacements = :start AS added, ${version}`

const saveAlways = upsert('true')
const saveIfHolds = upsert(holds)

const remove = `DELETE ${thisMovie} AND ${holds} RETURNING year`

export function createMovieStore({ read, write }: Database): MovieStore {
  const findOne = read.prepare<MovieKey, Movie & Versioned>(find)
  const listAll = read.prepare<MovieKey & { lastYear: number; limit: number }, Movie>(list)

  return {
    find: (key) => findOne.get(key),

    list({ limit, limitBytes }, after, year) {
      const from = year !== undefined && after.year < year ? { year, title: '' } : after
      const rows = listAll.iterate({ ...from, lastYear: year ?? 9999, limit: limit + 1 })
      const movies: Movie[] = []
      let bytes = 0
      for (const movie of rows) {
        if (movies.length === limit || bytes > limitBytes) return { movies, more: true }
        movies.push(movie)
        bytes += movie.info.length
      }
      return { movies, more: false }
    },

    async save(movie, preconditions) {
      const parameters = {
        ...movie,
        start: randomStart(),
        ...preconditionParameters(preconditions),
      }
      const [row] = await write.run(saveIfHolds, parameters)
      return row && { added: row.added === 1, version: row.version as number }
    },

    async saveAll(movies) {
      const start = randomStart()
      const parameterSets = movies.map((movie) => ({ ...movie, start }))
      const rows = await write.runAll(saveAlways, parameterSets)
      const added = rows.filter((row) => row.added === 1).length
      return { added, replaced: rows.length - added }
    },

    async remove(key, preconditions) {
      const rows = await write.run(remove, { ...key, ...preconditionParameters(preconditions) })
      return rows.length > 0
    },
  }
}

function randomStart(): number {
  return randomInt(2 ** 48 - 1)
}
