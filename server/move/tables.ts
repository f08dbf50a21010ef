import { deleteAll, putAll } from '../dynamodb/batch.ts'
import type { DynamoClient } from '../dynamodb/client.ts'
import { createDynamo } from '../dynamodb/dynamo.ts'
import { type Item, text, textOf } from '../dynamodb/item.ts'
import type { Tables } from '../dynamodb/tables.ts'
import { keyOf as movieKeyOf, toMovie, toItem as toMovieItem } from '../movies/dynamodb-item.ts'
import { createNotes } from '../movies/notes.ts'
import { createChunks } from '../saved-string/chunks.ts'
import {
  inlineLimitBytes,
  pointerKey,
  toPointer,
  toItem as toPointerItem,
} from '../saved-string/dynamodb-store.ts'
import { firstString } from '../saved-string/store.ts'
import type { Change } from './box.ts'
import { inParts, type Key, type Row, RowSum, type Summary } from './row.ts'

export type TableRows = ReturnType<typeof createTableRows>

/** The rows in the tables, for moves and backups. What it writes is not seen as a change by any server. */
export function createTableRows(client: DynamoClient, tables: Tables) {
  const dynamo = createDynamo(client, tables, { moveLeaseMs: 0, lateWriteMs: Infinity })
  const notes = createNotes(dynamo)
  const chunks = createChunks(dynamo)

  return { read, write, apply, removeExcept, removeString, summary, isUntouched }

  /** Not a snapshot: of a row that changes meanwhile, either state. */
  async function* read(): AsyncGenerator<Row> {
    for await (const item of scan(tables.movies.name)) {
      const { year, title, info, version } = toMovie(item)
      yield ['movies', year, title, info, version]
    }
    for await (const item of scan(tables.birthdays.name)) {
      yield ['birthdays', textOf(item, 'username'), textOf(item, 'date'), textOf(item, 'version')]
    }
    const string = await readString()
    if (string) yield string
  }

  async function readString(): Promise<Row | undefined> {
    for (;;) {
      const item = await dynamo.get(tables.state.name, pointerKey)
      if (item === undefined) return undefined
      const pointer = toPointer(item)
      const value = pointer.chunks === 0 ? pointer.value : await chunks.read(pointer)
      // Otherwise it has been replaced meanwhile.
      if (value !== undefined) return ['saved_string', value, pointer.version]
    }
  }

  /** Adds or replaces rows; no key may come twice. */
  async function write(rows: AsyncIterable<Row> | Iterable<Row>) {
    for await (const part of inParts(rows)) await writePart(part)
  }

  async function writePart(rows: Row[]) {
    const movies = rows.filter((row) => row[0] === 'movies')
    const birthdays = rows.filter((row) => row[0] === 'birthdays')
    const string = rows.find((row) => row[0] === 'saved_string')
    await notes.put(movies.map(([, year, title]) => ({ year, title })))
    const items = movies.map(([, year, title, info, version]) =>
      toMovieItem({ year, title, info, version }),
    )
    await putAll(client, tables.movies.name, items)
    await putAll(client, tables.birthdays.name, birthdays.map(toBirthdayItem))
    if (string) await putString(string[1], string[2])
  }

  async function putString(value: string, version: string) {
    const kept = await chunks.write({ value, version }, inlineLimitBytes)
    const Item = toPointerItem({ ...kept, recent: [] })
    await client.call('PutItem', { TableName: tables.state.name, Item })
  }

  /** Carries out what has changed on the other side. */
  async function apply(changes: Pick<Change, 'key' | 'row'>[]) {
    await write(changes.map(({ row }) => row).filter((row) => row !== null))
    await remove(changes.filter(({ row }) => row === null).map(({ key }) => key))
  }

  async function remove(keys: Key[]) {
    const movies = keys.filter((key) => key[0] === 'movies')
    const birthdays = keys.filter((key) => key[0] === 'birthdays')
    const movieKeys = movies.map(([, year, title]) => movieKeyOf({ year, title }))
    await deleteAll(client, tables.movies.name, movieKeys)
    const names = birthdays.map(([, username]) => ({ username: text(username) }))
    await deleteAll(client, tables.birthdays.name, names)
  }

  /** Removes all movies and birthdays but those with such a key. */
  async function removeExcept(isKept: (key: Key) => boolean) {
    for await (const part of inParts(keysOfAll())) {
      await remove(part.filter((key) => !isKept(key)))
    }
  }

  async function* keysOfAll(): AsyncGenerator<Key> {
    for await (const item of scan(tables.movies.name, ['year', 'title'])) {
      const { year, title } = toMovie(item)
      yield ['movies', year, title]
    }
    for await (const item of scan(tables.birthdays.name, ['username'])) {
      yield ['birthdays', textOf(item, 'username')]
    }
  }

  /** The next server to look stores the first string of all. */
  async function removeString() {
    await client.call('DeleteItem', { TableName: tables.state.name, Key: pointerKey })
  }

  async function summary(): Promise<Summary> {
    const sum = new RowSum()
    for await (const row of read()) sum.add(row)
    return sum.summary()
  }

  /** Whether there are no rows but the first string. */
  async function isUntouched(): Promise<boolean> {
    for await (const [table, value] of read()) {
      if (table !== 'saved_string' || value !== firstString) return false
    }
    return true
  }

  async function* scan(TableName: string, attributes?: string[]): AsyncGenerator<Item> {
    const names = attributes?.map((name) => [`#${name}`, name] as const)
    const input = {
      TableName,
      ConsistentRead: true,
      ...(names && {
        ProjectionExpression: names.map(([short]) => short).join(', '),
        ExpressionAttributeNames: Object.fromEntries(names),
      }),
    }
    for (let from: Item | undefined, isFirst = true; isFirst || from; isFirst = false) {
      const page = { ...input, ExclusiveStartKey: from }
      const { Items, LastEvaluatedKey } = await client.call<{
        Items: Item[]
        LastEvaluatedKey?: Item
      }>('Scan', page, 'lists')
      yield* Items
      from = LastEvaluatedKey
    }
  }
}

function toBirthdayItem(row: Row & ['birthdays', ...unknown[]]): Item {
  const [, username, date, version] = row
  return {
    username: text(username as string),
    date: text(date as string),
    version: text(version as string),
  }
}
