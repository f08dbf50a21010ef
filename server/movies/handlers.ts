import { setImmediate } from 'node:timers/promises'
import { unsupportedType } from '../http/body.ts'
import { assertPreconditions, preconditionFailed } from '../http/conditional.ts'
import { fieldError, HttpError } from '../http/http-error.ts'
import { empty, json, jsonText, type Reply } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import {
  fromCursor,
  infoOf,
  type Movie,
  type MovieKey,
  parseKey,
  parseMovie,
  parseMovieLine,
  parseYear,
  toCursor,
  toJson,
} from './movie.ts'
import type { MovieStore } from './store.ts'

const first: MovieKey = { year: 0, title: '' }
const pageLimitBytes = 4 * 2 ** 20

export function createMovieHandlers(store: MovieStore) {
  return {
    /** One movie if a title is given, otherwise a page of them. */
    get(request: HttpRequest): Reply {
      const query = request.query(['year', 'title', 'limit', 'cursor'])
      if (query.title === undefined) return list(query)
      if (query.limit ?? query.cursor) {
        throw new HttpError(400, 'limit and cursor are for lists: leave them out with a title')
      }
      return find(parseKey(query))
    },

    /** One movie by query or JSON, or many as NDJSON. */
    async post(request: HttpRequest): Promise<Reply> {
      if (request.contentType === 'application/x-ndjson') return saveAll(request)
      return saveOne(request, await readMovie(request))
    },

    async delete(request: HttpRequest): Promise<Reply> {
      const key = parseKey(request.query(['year', 'title']))
      if (await store.remove(key, request.preconditions)) return empty(204)
      throw store.find(key) ? preconditionFailed(request) : unknown(key)
    },
  }

  function find(key: MovieKey): Reply {
    const movie = store.find(key)
    if (!movie) throw unknown(key)
    return jsonText(200, toJson(movie), { etag: `${movie.version}` })
  }

  function list(query: { year?: string; limit?: string; cursor?: string }): Reply {
    const limit = parseLimit(query.limit ?? '100')
    const year = query.year === undefined ? undefined : parseYear(query.year)
    const after = query.cursor === undefined ? first : fromCursor(query.cursor)
    const { movies, more } = store.list({ limit, limitBytes: pageLimitBytes }, after, year)
    const next = more ? nextPage(movies.at(-1) as Movie, limit, year) : null
    const body = `{"movies":[${movies.map(toJson).join(',')}],"next":${JSON.stringify(next)}}`
    return jsonText(200, body, next ? { headers: ['Link', `<${next}>; rel="next"`] } : {})
  }

  /** Preconditions are about the movie, whether the query names it or the body. */
  async function saveOne(request: HttpRequest, movie: Movie): Promise<Reply> {
    const saved = await store.save(movie, request.preconditions)
    if (!saved) throw preconditionFailed(request)
    const { added, version } = saved
    const headers = added ? ['Location', `/movies?${queryOf(movie)}`] : []
    return jsonText(added ? 201 : 200, toJson(movie), { headers, etag: `${version}` })
  }

  async function saveAll(request: HttpRequest): Promise<Reply> {
    request.query([])
    assertPreconditions(request)
    const text = await request.bulkText()
    return json(200, await store.saveAll(await parseLines(text)))
  }
}

async function readMovie(request: HttpRequest): Promise<Movie> {
  const query = request.query(['year', 'title', 'plot', 'rating'])
  const hasQuery = Object.keys(query).length > 0
  if (!request.hasBody) {
    if (!hasQuery)
      throw new HttpError(400, 'Give year and title in the query, or send the movie as JSON')
    return { ...parseKey(query), info: infoOf(query) }
  }
  if (hasQuery) throw new HttpError(400, 'Give the movie in the query or in the body, not both')
  const { contentType } = request
  if (contentType !== 'application/json') {
    throw unsupportedType(contentType, 'application/json, application/x-ndjson')
  }
  return parseMovie(await request.json())
}

/** Yields now and then, so that eight megabytes of movies do not block other requests. */
async function parseLines(text: string): Promise<Movie[]> {
  const movies: Movie[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (index % 256 === 255) await setImmediate()
    if (line.trim() !== '') movies.push(parseMovieLine(line, index + 1))
  }
  return movies
}

function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= 1000) return limit
  throw fieldError('limit', 'must be an integer from 1 to 1000')
}

function nextPage(last: MovieKey, limit: number, year: number | undefined): string {
  const query = new URLSearchParams({ limit: String(limit), cursor: toCursor(last) })
  if (year !== undefined) query.set('year', String(year))
  return `/movies?${query}`
}

function queryOf({ year, title }: MovieKey): string {
  return `year=${year}&title=${encodeURIComponent(title)}`
}

function unknown({ year, title }: MovieKey): HttpError {
  const cure = `GET /movies?year=${year} lists that year`
  return new HttpError(404, `No movie "${title.slice(0, 80)}" from ${year}: ${cure}`)
}
