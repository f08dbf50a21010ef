import { getAll } from '../dynamodb/batch.ts'
import type { Dynamo } from '../dynamodb/dynamo.ts'
import { number, text } from '../dynamodb/item.ts'
import { readTogether } from '../dynamodb/together.ts'
import { keyOf, nameOf, toMovie } from './dynamodb-item.ts'
import type { Movie, MovieKey } from './movie.ts'
import type { Notes } from './notes.ts'
import type { Listed, MoviePage, MovieStore, PageSize, Range } from './store.ts'
import { titleKey } from './title-key.ts'

const yearsAtOnceLimit = 8
const firstYear = 1
const lastYear = 9999

/** Pages of movies. Unlike on SQLite, a page is no snapshot: it is read year by year. */
export function createLists(
  { client, tables, query }: Dynamo,
  notes: Notes,
): Pick<MovieStore, 'list' | 'listTitles'> {
  const TableName = tables.movies.name

  const list = readTogether((asked) => {
    const { size, range } = JSON.parse(asked)
    return page(
      size,
      range,
      (movie: Movie) => movie,
      ({ info }) => info.length,
    )
  })
  const listTitles = readTogether((asked) => {
    const { size, range } = JSON.parse(asked)
    return page(size, range, toListed, ({ title }) => title.length)
  })

  return {
    list: (size, range) => list(JSON.stringify({ size, range })),
    listTitles: (size, range) => listTitles(JSON.stringify({ size, range })),
  }

  async function page<Item extends MovieKey>(
    { limit, limitBytes }: PageSize,
    range: Range,
    toItem: (movie: Movie) => Item,
    bytesOf: (item: Item) => number,
  ): Promise<MoviePage<Item>> {
    const movies: Item[] = []
    let bytes = 0
    for await (const movie of moviesIn(range, limit + 1)) {
      if (movies.length === limit || bytes > limitBytes) return { movies, more: true }
      const item = toItem(movie)
      movies.push(item)
      bytes += bytesOf(item)
    }
    return { movies, more: false }
  }

  function moviesIn({ year, search, after }: Range, limit: number): AsyncGenerator<Movie> {
    if (search !== undefined) return moviesFound(search, after, limit)
    const first = Math.max(year ?? firstYear, after?.year ?? firstYear)
    return moviesFrom({ first, last: year ?? lastYear }, after, limit)
  }

  async function* moviesFrom(
    { first, last }: { first: number; last: number },
    after: MovieKey | undefined,
    limit: number,
  ): AsyncGenerator<Movie> {
    if (first === last) return yield* moviesOf(first, after, limit)
    if (first > last) return
    let [found, read] = [0, 0]
    for await (const years of notes.years(first, last)) {
      while (years.length > 0) {
        const some = years.splice(0, yearsFor(limit - found, found / read))
        for (const movies of startAll(some.map((year) => moviesOf(year, after, limit)))) {
          for await (const movie of await movies) {
            found += 1
            yield movie
          }
        }
        read += some.length
      }
    }
  }

  /** The movies of a year, or those behind one of them. */
  async function* moviesOf(year: number, after: MovieKey | undefined, limit: number) {
    const title = after?.year === year ? after.title : undefined
    const pages = query({
      TableName,
      Limit: limit,
      KeyConditionExpression:
        title === undefined ? '#year = :year' : '#year = :year AND #title > :title',
      ExpressionAttributeNames: {
        '#year': 'year',
        ...(title !== undefined && { '#title': 'title' }),
      },
      ExpressionAttributeValues: {
        ':year': number(year),
        ...(title !== undefined && { ':title': text(title) }),
      },
    })
    for await (const items of pages) yield* items.map(toMovie)
  }

  async function* moviesFound(search: string, after: MovieKey | undefined, limit: number) {
    for await (const keys of notes.titles(titleKey(search), after, limit)) {
      const items = await getAll(client, TableName, keys.map(keyOf))
      const found = new Map(items.map(toMovie).map((movie) => [nameOf(movie), movie]))
      yield* keys.map((key) => found.get(nameOf(key))).filter((movie) => movie !== undefined)
    }
  }
}

/** How many years are likely to have that many movies. */
function yearsFor(movies: number, moviesAYear: number): number {
  if (Number.isNaN(moviesAYear)) return 1
  return Math.max(1, Math.min(Math.ceil(movies / moviesAYear), yearsAtOnceLimit))
}

/** Begins to read all of them. */
function startAll<Item>(all: AsyncGenerator<Item>[]): Promise<AsyncGenerator<Item>>[] {
  const started = all.map(startOf)
  // The reader may not want the last ones.
  for (const one of started) one.catch(() => {})
  return started
}

/** Reads the first item, and the others when asked to. */
async function startOf<Item>(items: AsyncGenerator<Item>): Promise<AsyncGenerator<Item>> {
  const first = await items.next()
  return continued()

  async function* continued() {
    if (first.done) return
    yield first.value
    yield* items
  }
}

function toListed({ year, title, info }: Movie): Listed {
  return { year, title, rating: JSON.parse(info).rating }
}
