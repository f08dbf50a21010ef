import { setImmediate } from 'node:timers/promises'
import type { Form } from '../http/authorize.ts'
import { unsupportedType } from '../http/body.ts'
import { assertPreconditions, type Preconditions, preconditionFailed } from '../http/conditional.ts'
import { after, type Eventual } from '../http/eventual.ts'
import { type Fields, fieldOf } from '../http/form.ts'
import { HttpError } from '../http/http-error.ts'
import { empty, json, jsonText, type Reply, seeOther } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import type { Collection } from './collection.ts'
import { detailsOf, withDetails } from './details.ts'
import { draw } from './drawings.ts'
import {
  infoOf,
  type Movie,
  type MovieKey,
  parseKey,
  parseMovie,
  parseMovieLine,
  toInfo,
  toJson,
} from './movie.ts'
import { createMoviePages, type Overview } from './page.ts'
import { type ListQuery, nextPath, pathOf, readQuery } from './query.ts'
import type { MoviePage, MovieStore, StoredMovie } from './store.ts'

const pageLimitBytes = 4 * 2 ** 20
const titlesLimitBytes = 256 * 2 ** 10

export function createMovieHandlers(store: MovieStore, { needsToken }: { needsToken: boolean }) {
  const pages = createMoviePages(needsToken)
  const overview = createOverview(store.collection)
  const lists = createListCache(store.version)

  return {
    /** One movie if a title is given, otherwise a page of them. */
    get(request: HttpRequest): Eventual<Reply> {
      const query = readQuery(request)
      if ('list' in query) return whenFindable(query.list, list)
      return after(find(query.key), (movie) =>
        jsonText(200, toJson(movie), { etag: `${movie.version}` }),
      )
    },

    /** One movie by query or JSON, or many as NDJSON. */
    async post(request: HttpRequest): Promise<Reply> {
      if (request.contentType === 'application/x-ndjson') return saveAll(request)
      return saveOne(request, await readMovie(request))
    },

    async delete(request: HttpRequest): Promise<Reply> {
      await remove(parseKey(request.query(['year', 'title'])), request)
      return empty(204)
    },

    /** What `get` answers, as a page. */
    page(request: HttpRequest): Eventual<Reply> {
      const query = readQuery(request)
      if ('key' in query) return after(find(query.key), pages.movie)
      const { year, search, after: start } = query.list
      if (year ?? search ?? start) return whenFindable(query.list, listPage)
      return after(overview(), (shown) => listPage(query.list, shown))
    },

    /** The form to add a movie, or to change the one in the query. */
    async form(request: HttpRequest): Promise<Reply> {
      const query = request.query(['year', 'title'])
      if (Object.keys(query).length === 0) return pages.form()
      const { year, title, info, version } = await find(parseKey(query))
      const details = detailsOf(JSON.parse(info))
      return pages.form({ year: `${year}`, title, version: `${version}`, ...details })
    },

    saveForm: {
      async submit(fields, request) {
        const key = keyOf(fields)
        const { version } = fields
        const before = version === undefined ? {} : JSON.parse((await find(key)).info)
        const movie = { ...key, info: toInfo(withDetails(before, fields)) }
        if (await store.save(movie, conditionsOf(request, version))) return seeOther(pathOf(key))
        throw version === undefined ? exists(key) : changed(key)
      },
      // After a change by someone else, the form may be sent again to replace that.
      async again(fields, error) {
        const isOutdated = [404, 412].includes(error.status) && fields.version !== undefined
        if (!isOutdated) return pages.form(fields, error)
        const movie = await store.find(keyOf(fields))
        return pages.form({ ...fields, version: movie?.version.toString() }, error)
      },
    } satisfies Form,

    deleteForm: {
      async submit(fields, request) {
        const key = keyOf(fields)
        await remove(key, request)
        return pages.deleted(key)
      },
      again: pages.notDeleted,
    } satisfies Form,

    years: () => after(overview(), ({ drawings }) => drawings.years.reply),

    ratings: () => after(overview(), ({ drawings }) => drawings.ratings.reply),
  }

  function find(key: MovieKey): Eventual<StoredMovie> {
    return after(store.find(key), (movie) => {
      if (!movie) throw unknown(key)
      return movie
    })
  }

  /** Only a search may have to wait. */
  function whenFindable(query: ListQuery, answer: (query: ListQuery) => Eventual<Reply>) {
    if (query.search === undefined) return answer(query)
    return store.untilSearchable().then(() => answer(query))
  }

  function list(query: ListQuery): Eventual<Reply> {
    const size = { limit: query.limit, limitBytes: pageLimitBytes }
    return after(store.list(size, query), (page) => {
      const next = nextOf(page, query) ?? null
      const movies = page.movies.map(toJson).join(',')
      const body = `{"movies":[${movies}],"next":${JSON.stringify(next)}}`
      return jsonText(200, body, next ? { headers: ['Link', `<${next}>; rel="next"`] } : {})
    })
  }

  function listPage(query: ListQuery, shown?: Overview): Eventual<Reply> {
    const size = { limit: query.limit, limitBytes: titlesLimitBytes }
    return lists(query, shown, () =>
      after(store.listTitles(size, query), (page) =>
        pages.list(query, page.movies, { next: nextOf(page, query), overview: shown }),
      ),
    )
  }

  /** Preconditions are about the movie, whether the query names it or the body. */
  async function saveOne(request: HttpRequest, movie: Movie): Promise<Reply> {
    const saved = await store.save(movie, request.preconditions)
    if (!saved) throw preconditionFailed(request)
    const { added, version } = saved
    const headers = added ? ['Location', pathOf(movie)] : []
    return jsonText(added ? 201 : 200, toJson(movie), { headers, etag: `${version}` })
  }

  async function saveAll(request: HttpRequest): Promise<Reply> {
    request.query([])
    assertPreconditions(request)
    const text = await request.bulkText()
    return json(200, await store.saveAll(await parseLines(text)))
  }

  /** @throws {HttpError} 404 or 412 */
  async function remove(key: MovieKey, request: HttpRequest) {
    if (await store.remove(key, request.preconditions)) return
    throw (await store.find(key)) ? preconditionFailed(request) : unknown(key)
  }
}

/** Makes the function that draws the collection anew once it has changed. */
function createOverview(collection: MovieStore['collection']): () => Eventual<Overview> {
  let drawn: Collection | undefined
  let overview: Overview

  return () => after(collection(), show)

  function show(latest: Collection): Overview {
    if (latest !== drawn) overview = { count: latest.count, drawings: draw(latest) }
    drawn = latest
    return overview
  }
}

const keptLists = 50
const keptBytes = 64 * 1024

/** Makes the function that renders a list at most once per change of the database. */
function createListCache(version: () => number | undefined) {
  const kept = new Map<string, { reply: Reply; overview: Overview | undefined }>()
  let keptAt: number | undefined

  return function list(
    query: ListQuery,
    overview: Overview | undefined,
    render: () => Eventual<Reply>,
  ): Eventual<Reply> {
    // The version is read before the movies: a commit in between only means another rendering.
    const latest = version()
    if (latest === undefined) return render()
    if (latest !== keptAt || kept.size >= keptLists) kept.clear()
    keptAt = latest
    const key = JSON.stringify(query)
    const known = kept.get(key)
    if (known && known.overview === overview) return known.reply
    return after(render(), (reply) => {
      const isSmall = (reply.body as string).length <= keptBytes
      if (isSmall && latest === keptAt) kept.set(key, { reply, overview })
      return reply
    })
  }
}

function nextOf({ movies, more }: MoviePage<MovieKey>, query: ListQuery): string | undefined {
  return more ? nextPath(movies.at(-1) as MovieKey, query) : undefined
}

function keyOf(fields: Fields): MovieKey {
  return parseKey({ year: fieldOf(fields, 'year').trim(), title: fieldOf(fields, 'title') })
}

/** A form adds a movie or changes the version that it shows; it never replaces another one. */
function conditionsOf({ preconditions }: HttpRequest, version: string | undefined): Preconditions {
  if (version === undefined) return { ...preconditions, ifNoneMatch: ['*'] }
  return { ...preconditions, ifMatch: preconditions.ifMatch ?? [version] }
}

function exists({ year, title }: MovieKey): HttpError {
  return new HttpError(412, `“${title}” from ${year} is already here: change that one instead`)
}

function changed({ year, title }: MovieKey): HttpError {
  const cure = 'look at it in another tab, then save again to replace it'
  return new HttpError(412, `Someone else has changed “${title}” from ${year} since: ${cure}`)
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

function unknown({ year, title }: MovieKey): HttpError {
  const cure = `GET /movies?year=${year} lists that year`
  return new HttpError(404, `No movie "${title.slice(0, 80)}" from ${year}: ${cure}`)
}
