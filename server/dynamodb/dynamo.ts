import { randomUUID } from 'node:crypto'
import type { DynamoClient } from './client.ts'
import { assertConditionFailed, type Reason } from './errors.ts'
import type { Item } from './item.ts'
import { moveKey } from './move-record.ts'
import { createMoveWatch, type MoveLimits } from './move-watch.ts'
import type { Tables } from './tables.ts'
import { inTurn, readTogether } from './together.ts'

/** A write of one item, as TransactWriteItems takes it. */
export type Write = { Put: object } | { Delete: object }

/** DynamoDB for the features. */
export interface Dynamo {
  client: DynamoClient
  tables: Tables
  /** Never older than a write that was acknowledged before; callers that wait together share a read. */
  get: (table: string, key: Item) => Promise<Item | undefined>
  /** The pages of items under a partition key, never older than acknowledged writes. */
  query: (input: object) => AsyncGenerator<Item[]>
  /**
   * Writes all or, if a condition fails, none, and gives the reason of each then. Exactly once, also if
   * it has to be tried again.
   */
  transact: (writes: Write[], kind?: 'items' | 'lists') => Promise<Reason[] | undefined>
  /** Carries out a write unless a move of the data has writes wait. @throws {HttpError} 503 */
  write: <Output>(run: () => Promise<Output>) => Promise<Output>
  move: ReturnType<typeof createMoveWatch>
  /** Runs a task after those before it of the same key, whose writes would cancel each other. */
  inTurn: ReturnType<typeof inTurn>
}

interface Page {
  Items: Item[]
  LastEvaluatedKey?: Item
}

export function createDynamo(client: DynamoClient, tables: Tables, limits: MoveLimits): Dynamo {
  const read = readTogether(async (input) => {
    const { Item } = await client.call<{ Item?: Item }>('GetItem', JSON.parse(input))
    return Item
  })

  const get: Dynamo['get'] = (TableName, Key) =>
    read(JSON.stringify({ TableName, Key, ConsistentRead: true }))
  const move = createMoveWatch(() => get(tables.state.name, moveKey), limits)

  return {
    client,
    tables,
    get,
    move,
    write: move.write,

    async *query(input) {
      for (let from: Item | undefined, isFirst = true; isFirst || from; isFirst = false) {
        const page = { ...input, ConsistentRead: true, ExclusiveStartKey: from }
        const { Items, LastEvaluatedKey } = await client.call<Page>('Query', page, 'lists')
        yield Items
        from = LastEvaluatedKey
      }
    },

    async transact(TransactItems, kind = 'items') {
      try {
        const input = { TransactItems, ClientRequestToken: randomUUID() }
        await move.write(() => client.call('TransactWriteItems', input, kind))
      } catch (error) {
        assertConditionFailed(error)
        return error.reasons
      }
    },

    inTurn: inTurn(),
  }
}
