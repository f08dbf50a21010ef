import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../database/database.ts'
import { preconditionParameters, preconditionsHold } from '../database/preconditions.ts'
import type { Preconditions } from '../http/conditional.ts'
import type { Eventual } from '../http/eventual.ts'
import { tryLater } from '../http/http-error.ts'
import { type Collection, createCollection } from './collection.ts'
import type { Movie, MovieKey } from './movie.ts'
import { isAscii, titleKey } from './title-key.ts'

/** The limits of a page, in movies and in bytes of their info or titles. */
export interface PageSize {
  limit: number
  limitBytes: number
}

/** Which movies: all of them, those of a year, or those whose title begins with `search`. */
export interface Range {
  year?: number | undefined
  search?: string | undefined
  /** The movie before the first one. */
  after?: MovieKey | undefined
}

/** A movie as a list shows it. */
export interface Listed extends MovieKey {
  /** Of any type, like everything in the info of a movie. */
  rating: unknown
}

/** `more` when the page stopped before the end of the range. */
export interface MoviePage<Item> {
  movies: Item[]
  more: boolean
}

export interface MovieStore {
  find: (key: MovieKey) => Eventual<StoredMovie | undefined>
  /** Movies in the order of year and title, or those found in the order of their titles. */
  list: (size: PageSize, range: Range) => Eventual<MoviePage<Movie>>
  /** The same without their info. */
  listTitles: (size: PageSize, range: Range) => Eventual<MoviePage<Listed>>
  /** Resolves once every title can be found. @throws {HttpError} 503 if that takes too long */
  untilSearchable: () => Promise<void>
  /** Adds or replaces one; undefined if the preconditions do not hold. */
  save: (movie: Movie, preconditions: Preconditions) => Promise<Saved | undefined>
  /** Adds or replaces all of them or, if it throws, none. */
  saveAll: (movies: Movie[]) => Promise<{ added: number; replaced: number }>
  /** Resolves to whether there was one to remove that meets the preconditions. */
  remove: (key: MovieKey, preconditions: Preconditions) => Promise<boolean>
  /** All movies in numbers, which may be a little old if there are many. */
  collection: () => Eventual<Collection>
  /** Changes with every change of the movies, by any process; undefined if nobody can know. */
  version: () => number | undefined
}

interface Versioned {
  /** Different after every write. */
  version: number
}

export type StoredMovie = Movie & Versioned

export interface Saved extends Versioned {
  added: boolean
}

const keysATime = 500
const patienceMs = 2000

const thisMovie = 'FROM movies WHERE year = :year AND title = :title'

// Replacements are counted from a random start: no two states of a movie have the same number,
// even if it was removed and added again in between.
const version = 'replacements AS version'

const find = `SELECT year, title, info, ${version} ${thisMovie}`

const rating = "json_extract(info, '$.rating') AS rating"

const inOrder = (columns: string) => `
  SELECT year, title, ${columns} FROM movies
  WHERE (year, title) > (:year, :title) AND year <= :lastYear
  ORDER BY year, title LIMIT :limit`

const byTitle = (columns: string) => `
  SELECT year, title, ${columns} FROM movies
  WHERE (title_key, year, title) > (:key, :year, :title) AND title_key < :end
  ORDER BY title_key, year, title LIMIT :limit`

const withoutKey = `
  SELECT year, title FROM movies
  WHERE search IS NULL AND length(CAST(title AS BLOB)) > length(title) LIMIT ${keysATime}`

const addKey = 'UPDATE movies SET search = :search WHERE year = :year AND title = :title'

const holds = preconditionsHold(`SELECT CAST(replacements AS TEXT) AS version ${thisMovie}`)

const upsert = (condition: string) => `
  INSERT INTO movies (year, title, info, replacements, search)
  SELECT :year, :title, :info, :start, :search WHERE ${condition}
  ON CONFLICT (year, title) DO UPDATE
  SET info = excluded.info, replacements = replacements + 1, search = excluded.search
  RETURNING replacements = :start AS added, ${version}`

const saveAlways = upsert('true')
const saveIfHolds = upsert(holds)

const remove = `DELETE ${thisMovie} AND ${holds} RETURNING year`

export function createMovieStore(database: Database): MovieStore {
  const { read, write, together } = database
  const findOne = read.prepare<MovieKey, Movie & Versioned>(find)
  const findWithoutKey = read.prepare<[], MovieKey>(withoutKey)
  let addingKeys: Promise<void> | undefined

  return {
    find: (key) => together(() => findOne.get(key)),

    list: createList<Movie>('info', ({ info }) => info.length),

    listTitles: createList<Listed>(rating, ({ title }) => title.length),

    async untilSearchable() {
      if (findWithoutKey.get() === undefined) return
      addingKeys ??= addKeys().finally(() => {
        addingKeys = undefined
      })
      await Promise.race([addingKeys, delay(patienceMs, undefined, { ref: false })])
      if (findWithoutKey.get() === undefined) return
      throw tryLater(503, 'The titles are being indexed: try again in a few seconds', 5)
    },

    async save(movie, preconditions) {
      const parameters = {
        ...withKey(movie),
        start: randomStart(),
        ...preconditionParameters(preconditions),
      }
      const [row] = await write.run(saveIfHolds, parameters)
      return row && { added: row.added === 1, version: row.version as number }
    },

    async saveAll(movies) {
      const start = randomStart()
      const parameterSets = movies.map((movie) => ({ ...withKey(movie), start }))
      const rows = await write.runAll(saveAlways, parameterSets)
      const added = rows.filter((row) => row.added === 1).length
      return { added, replaced: rows.length - added }
    },

    async remove(key, preconditions) {
      const rows = await write.run(remove, { ...key, ...preconditionParameters(preconditions) })
      return rows.length > 0
    },

    collection: createCollection(database),

    version: database.version,
  }

  function createList<Item>(columns: string, bytesOf: (item: Item) => number) {
    const ordered = read.prepare<object, Item>(inOrder(columns))
    const found = read.prepare<object, Item>(byTitle(columns))

    return ({ limit, limitBytes }: PageSize, range: Range): MoviePage<Item> => {
      const rows =
        range.search === undefined
          ? ordered.iterate({ ...startOf(range), limit: limit + 1 })
          : found.iterate({ ...startOfFound(range.search, range.after), limit: limit + 1 })
      const movies: Item[] = []
      let bytes = 0
      for (const movie of rows) {
        if (movies.length === limit || bytes > limitBytes) return { movies, more: true }
        movies.push(movie)
        bytes += bytesOf(movie)
      }
      return { movies, more: false }
    }
  }

  /** For movies of an earlier release. A failed write leaves the rest for the next search. */
  async function addKeys() {
    try {
      for (let rows = findWithoutKey.all(); rows.length > 0; rows = findWithoutKey.all()) {
        await write.runAll(
          addKey,
          rows.map((row) => ({ ...withKey(row) })),
        )
      }
    } catch {
      // Whoever waits for it answers 503.
    }
  }
}

function startOf({ year, after = { year: 0, title: '' } }: Range) {
  const from = year !== undefined && after.year < year ? { year, title: '' } : after
  return { ...from, lastYear: year ?? 9999 }
}

/** Text that starts with the prefix is from the prefix itself up to the prefix and the last character. */
function startOfFound(search: string, after: MovieKey | undefined) {
  const prefix = titleKey(search)
  const end = `${prefix}\u{10ffff}`
  const key = after && titleKey(after.title)
  return key?.startsWith(prefix) ? { key, ...after, end } : { key: prefix, year: 0, title: '', end }
}

function withKey<Key extends MovieKey>(movie: Key) {
  return { ...movie, search: isAscii(movie.title) ? null : titleKey(movie.title) }
}

function randomStart(): number {
  return randomInt(2 ** 48 - 1)
}
