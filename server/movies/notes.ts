import { hash } from 'node:crypto'
import { putAll } from '../dynamodb/batch.ts'
import type { Dynamo } from '../dynamodb/dynamo.ts'
import { type Item, number, numberOf, text, textOf } from '../dynamodb/item.ts'
import type { MovieKey } from './movie.ts'
import { titleKey } from './title-key.ts'

// A sort key has at most 1,024 bytes; nearly all titles are far shorter.
const cutBytes = 480
const rememberedLimit = 10_000
const yearsACall = 16
// In the order of UTF-8; no title has a NUL.
const lowest = '\0'
const highest = '\u{10ffff}'

export type Notes = ReturnType<typeof createNotes>

/**
 * Notes in the state table by which movies are found: that there may be movies of a year, and that there
 * may be a movie of a title, under the first character of what the title is found by. They are put
 * before the movie, and stay when it is deleted, so that a movie never lacks them.
 */
export function createNotes({ client, tables, query }: Dynamo) {
  const TableName = tables.state.name
  const remembered = new Set<string>()

  return {
    /** Puts the notes of movies that are about to be added. */
    async put(movies: MovieKey[]) {
      const byId = new Map(movies.flatMap(notesOf).map((note) => [JSON.stringify(note), note]))
      const missing = [...byId].filter(([id]) => !remembered.has(id))
      await putAll(
        client,
        TableName,
        missing.map(([, note]) => note),
      )
      if (remembered.size > rememberedLimit) remembered.clear()
      for (const [id] of missing) remembered.add(id)
    },

    /** Years from the first to the last that may have movies, in order. */
    async *years(first: number, last: number): AsyncGenerator<number[]> {
      const range = { from: yearId(first), to: yearId(last), limit: yearsACall }
      for await (const items of notes('year', range)) {
        yield items.map((item) => Number(textOf(item, 'id')))
      }
    },

    /** Movies that there may be, in the order of what their titles are found by. */
    async *titles(prefix: string, after: MovieKey | undefined, limit: number) {
      const start = after && titleKey(after.title).startsWith(prefix) ? after : undefined
      for await (const initial of initialsOf(prefix, start)) {
        const isFirst = start !== undefined && initial === initialOf(titleKey(start.title))
        const from = isFirst ? titleId(start) : cut(prefix) || lowest
        const range = { from, to: cut(prefix) + highest, limit }
        for await (const items of notes(`title:${initial}`, range)) {
          const keys = items.map(toKey).filter(({ title }) => titleKey(title).startsWith(prefix))
          yield keys.filter(({ year, title }) => year !== start?.year || title !== start.title)
        }
      }
    },
  }

  /** The first characters of titles that may begin with the prefix, in order. */
  async function* initialsOf(prefix: string, start: MovieKey | undefined): AsyncGenerator<string> {
    if (prefix !== '') {
      yield initialOf(prefix)
      return
    }
    const from = initialId(start ? initialOf(titleKey(start.title)) : '')
    for await (const items of notes('initial', { from, to: initialId(highest), limit: 1000 })) {
      yield* items.map((item) => textOf(item, 'id').slice(1))
    }
  }

  function notes(kind: string, { from, to, limit }: Bounds): AsyncGenerator<Item[]> {
    return query({
      TableName,
      Limit: limit,
      KeyConditionExpression: '#kind = :kind AND #id BETWEEN :from AND :to',
      ExpressionAttributeNames: { '#kind': 'kind', '#id': 'id' },
      ExpressionAttributeValues: { ':kind': text(kind), ':from': text(from), ':to': text(to) },
    })
  }
}

interface Bounds {
  from: string
  to: string
  /** Of a page. */
  limit: number
}

function notesOf(movie: MovieKey): Item[] {
  const { year, title } = movie
  const initial = initialOf(titleKey(title))
  return [
    { kind: text('year'), id: text(yearId(year)) },
    { kind: text('initial'), id: text(initialId(initial)) },
    {
      kind: text(`title:${initial}`),
      id: text(titleId(movie)),
      year: number(year),
      title: text(title),
    },
  ]
}

function toKey(item: Item): MovieKey {
  return { year: numberOf(item, 'year'), title: textOf(item, 'title') }
}

/** Text that is in the order of years. */
function yearId(year: number): string {
  return String(year).padStart(4, '0')
}

/** A key is never empty, but a title of accents alone has no first character. */
function initialId(initial: string): string {
  return `=${initial}`
}

function initialOf(key: string): string {
  const [initial = ''] = key
  return initial
}

/** In the order of the key, the year and the title, unless two long ones begin with the same 480 bytes. */
function titleId({ year, title }: MovieKey): string {
  const key = titleKey(title)
  const isCut = Buffer.byteLength(key) > cutBytes || Buffer.byteLength(title) > cutBytes
  const rest = isCut ? [hash('sha256', title).slice(0, 16)] : []
  return [cut(key), yearId(year), cut(title), ...rest].join(lowest)
}

function cut(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= cutBytes) return text
  let end = cutBytes
  while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
