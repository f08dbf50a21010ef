import { conditionOf, isPlain, preconditionsHold } from '../dynamodb/conditions.ts'
import type { Dynamo, Write } from '../dynamodb/dynamo.ts'
import { tooBusy } from '../dynamodb/errors.ts'
import { together } from '../dynamodb/together.ts'
import type { Preconditions } from '../http/conditional.ts'
import { createCounting } from './counting.ts'
import { createBulk } from './dynamodb-bulk.ts'
import { keyOf, nameOf, newVersion, toItem, toMovie } from './dynamodb-item.ts'
import { createLists } from './dynamodb-lists.ts'
import { createNotes } from './notes.ts'
import type { MovieStore, Saved, StoredMovie } from './store.ts'

// A movie may be added and deleted by others between two attempts, but hardly so often.
const attemptsLimit = 10

/** Movies in a table of their own: year, title, info as text, version. Notes lead to them. */
export function createMovieStore(dynamo: Dynamo): MovieStore {
  const { tables, get, transact, inTurn } = dynamo
  const TableName = tables.movies.name
  const notes = createNotes(dynamo)
  const counting = createCounting(dynamo)
  const saveAll = createBulk(dynamo, notes)
  // Only the last of those that wait together is stored: it replaces the others.
  const saveTogether = together<StoredMovie, Saved>(
    async (movies) => {
      const { added } = (await put(movies.at(-1) as StoredMovie, none)) as Saved
      return movies.map(({ version }, index) => ({ added: added && index === 0, version }))
    },
    { atOnce: 1 },
  )

  return {
    async find(key) {
      const item = await get(TableName, keyOf(key))
      return item && toMovie(item)
    },

    ...createLists(dynamo, notes),

    async untilSearchable() {},

    async save(movie, preconditions) {
      const stored = { ...movie, version: newVersion() }
      const saved = isPlain(preconditions)
        ? await saveTogether(nameOf(movie), stored)
        : await put(stored, preconditions)
      counting.changed()
      return saved
    },

    async saveAll(movies) {
      try {
        return await saveAll(movies)
      } finally {
        counting.changed()
      }
    },

    async remove(key, preconditions) {
      const condition = conditionOf(preconditions, { mustExist: true, numeric: true })
      const removal = { Delete: { TableName, Key: keyOf(key), ...condition } }
      const failed = await inTurn(nameOf(key), () => transact([removal]))
      counting.changed()
      return failed === undefined
    },

    collection: counting.collection,

    version: () => undefined,
  }

  /** Adds the movie if it is not there, replaces it if it is; undefined if the preconditions fail. */
  async function put(movie: StoredMovie, preconditions: Preconditions): Promise<Saved | undefined> {
    await notes.put([movie])
    return inTurn(nameOf(movie), async () => {
      let added = preconditions.ifMatch === undefined
      for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
        const failed = await transact([putOf(movie, preconditions, added)])
        if (failed === undefined) return { added, version: movie.version }
        const stored = failed[0]?.Item && toMovie(failed[0].Item)
        if (!preconditionsHold(preconditions, stored?.version.toString())) return undefined
        added = stored === undefined
      }
      throw tooBusy()
    })
  }

  function putOf(movie: StoredMovie, preconditions: Preconditions, mustAdd: boolean): Write {
    const condition = conditionOf(preconditions, { mustExist: !mustAdd, numeric: true })
    const more = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
    return { Put: { TableName, Item: toItem(movie), ...condition, ...more } }
  }
}

const none = { ifMatch: undefined, ifNoneMatch: undefined }
