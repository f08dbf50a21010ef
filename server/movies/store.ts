import type { Database } from '../database/database.ts'
import type { Row } from '../database/writer-thread.ts'
import type { Movie, MovieKey } from './movie.ts'

/** What a list may hold, in movies and in bytes of their info. */
export interface PageSize {
  limit: number
  limitBytes: number
}

export interface MovieStore {
  find: (key: MovieKey) => Movie | undefined
  /** Movies in the order of year and title, from the first one after `after`; `more` when it stopped early. */
  list: (size: PageSize, after: MovieKey, year?: number) => { movies: Movie[]; more: boolean }
  /** Adds or replaces all of them or, where it throws, none. */
  save: (movies: Movie[]) => Promise<{ added: number; replaced: number }>
  /** Whether there was one to remove. */
  remove: (key: MovieKey) => Promise<boolean>
}

const find = 'SELECT year, title, info FROM movies WHERE year = :year AND title = :title'

const list = `
  SELECT year, title, info FROM movies
  WHERE (year, title) > (:year, :title) AND year <= :lastYear
  ORDER BY year, title LIMIT :limit`

const upsert = `
  INSERT INTO movies (year, title, info) VALUES (:year, :title, :info)
  ON CONFLICT (year, title) DO UPDATE SET info = excluded.info, replacements = replacements + 1
  RETURNING replacements = 0 AS added`

const remove = 'DELETE FROM movies WHERE year = :year AND title = :title RETURNING year'

export function createMovieStore({ read, write }: Database): MovieStore {
  const findOne = read.prepare<MovieKey, Movie>(find)
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

    async save(movies) {
      const rows: Row[] = await write.runAll(upsert, movies as unknown as Record<string, unknown>[])
      const added = rows.filter((row) => row.added === 1).length
      return { added, replaced: rows.length - added }
    },

    async remove(key) {
      const rows = await write.run(remove, { ...key })
      return rows.length > 0
    },
  }
}
