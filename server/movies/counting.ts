import type { Dynamo } from '../dynamodb/dynamo.ts'
import { type Item, numberOf, textOf } from '../dynamodb/item.ts'
import { type Collection, ratingSteps } from './collection.ts'

// Others' changes show after that.
const validMs = 60_000
const freeMovies = 1000

/**
 * All movies in numbers. Counting reads every movie, so it happens only after a change by this process
 * or after a minute, and no sooner than a millisecond per movie after the last time.
 */
export function createCounting({ client, tables }: Dynamo) {
  let counted: Collection | undefined
  let countedAt = -Infinity
  let isOutdated = true
  let counting: Promise<Collection> | undefined

  return {
    changed() {
      isOutdated = true
    },

    async collection(): Promise<Collection> {
      if (counted && !isDue(counted)) return counted
      counting ??= count().finally(() => {
        counting = undefined
      })
      if (!counted || counted.count <= freeMovies) return counting
      counting.catch(() => {})
      return counted
    },
  }

  function isDue({ count }: Collection): boolean {
    const ageMs = performance.now() - countedAt
    return ageMs > Math.max(0, count - freeMovies) && (isOutdated || ageMs > validMs)
  }

  async function count(): Promise<Collection> {
    isOutdated = false
    const collection: Collection = { count: 0, years: [], ratings: Array(ratingSteps).fill(0) }
    const years = new Map<number, number>()
    try {
      for await (const items of scan()) for (const item of items) add(collection, years, item)
    } catch (error) {
      isOutdated = true
      throw error
    }
    collection.years = [...years].sort(([a], [b]) => a - b)
    countedAt = performance.now()
    counted = collection
    return collection
  }

  async function* scan(): AsyncGenerator<Item[]> {
    for (let from: Item | undefined, isFirst = true; isFirst || from; isFirst = false) {
      const { Items, LastEvaluatedKey } = await client.call<{
        Items: Item[]
        LastEvaluatedKey?: Item
      }>('Scan', scanOf(from), 'lists')
      yield Items
      from = LastEvaluatedKey
    }
  }

  function scanOf(from: Item | undefined) {
    return {
      TableName: tables.movies.name,
      ConsistentRead: true,
      ProjectionExpression: '#year, #info',
      ExpressionAttributeNames: { '#year': 'year', '#info': 'info' },
      ExclusiveStartKey: from,
    }
  }
}

function add(collection: Collection, years: Map<number, number>, item: Item) {
  const year = numberOf(item, 'year')
  collection.count += 1
  years.set(year, (years.get(year) ?? 0) + 1)
  const { rating } = JSON.parse(textOf(item, 'info'))
  const step = typeof rating === 'number' ? Math.min(Math.floor(2 * rating), ratingSteps - 1) : -1
  if (step >= 0) collection.ratings[step] = (collection.ratings[step] as number) + 1
}
