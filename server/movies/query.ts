import { assertClean } from '../http/body.ts'
import { fieldError, HttpError } from '../http/http-error.ts'
import type { HttpRequest } from '../http/request.ts'
import { fromCursor, type MovieKey, parseKey, parseYear, toCursor } from './movie.ts'

/** A list of movies as a URL asks for it. */
export interface ListQuery {
  limit: number
  year?: number | undefined
  /** The beginning of a title. */
  search?: string | undefined
  after?: MovieKey | undefined
}

const searchLimit = 500

/** One movie if there is a title, otherwise a list. @throws {HttpError} 400 */
export function readQuery(request: HttpRequest): { key: MovieKey } | { list: ListQuery } {
  const query = request.query(['year', 'title', 'limit', 'cursor', 'search'])
  if (query.title === undefined) return { list: parseList(query) }
  if (query.limit ?? query.cursor) {
    throw new HttpError(400, 'limit and cursor are for lists: leave them out with a title')
  }
  if (query.search !== undefined) {
    throw new HttpError(400, 'search is for lists: leave it out with a title')
  }
  return { key: parseKey(query) }
}

interface ListParameters {
  year?: string
  search?: string
  limit?: string
  cursor?: string
}

function parseList({ year, search, limit = '100', cursor }: ListParameters): ListQuery {
  if (year !== undefined && search !== undefined) {
    throw new HttpError(400, 'search finds titles of all years: leave out year')
  }
  return {
    limit: parseLimit(limit),
    year: year === undefined ? undefined : parseYear(year),
    search: search === undefined ? undefined : parseSearch(search),
    after: cursor === undefined ? undefined : fromCursor(cursor),
  }
}

function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= 1000) return limit
  throw fieldError('limit', 'must be an integer from 1 to 1000')
}

function parseSearch(text: string): string {
  assertClean(text, 'The search')
  if (text.length <= searchLimit) return text.trimStart()
  throw fieldError('search', `must have at most ${searchLimit} characters`)
}

/** The path of the page after `last`. */
export function nextPath(last: MovieKey, { limit, year, search }: ListQuery): string {
  const query = new URLSearchParams({ limit: String(limit), cursor: toCursor(last) })
  if (year !== undefined) query.set('year', String(year))
  if (search !== undefined) query.set('search', search)
  return `/movies?${query}`
}

/** The path of a movie. */
export function pathOf({ year, title }: MovieKey): string {
  return `/movies?year=${year}&title=${encodeURIComponent(title)}`
}
