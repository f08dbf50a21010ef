import { setTimeout as delay } from 'node:timers/promises'
import type { DynamoClient } from './client.ts'
import { tooBusy } from './errors.ts'
import type { Item } from './item.ts'

const writesACall = 25
const keysACall = 100

/** Puts items whatever is there; each once or twice. @throws {HttpError} 503 */
export async function putAll(client: DynamoClient, table: string, items: Item[]) {
  const requests = items.map((Item) => ({ PutRequest: { Item } }))
  await writeAll(client, table, requests)
}

/** Deletes the items with these keys. @throws {HttpError} 503 */
export async function deleteAll(client: DynamoClient, table: string, keys: Item[]) {
  const requests = keys.map((Key) => ({ DeleteRequest: { Key } }))
  await writeAll(client, table, requests)
}

async function writeAll(client: DynamoClient, table: string, all: object[]) {
  await Promise.all(chunksOf(all, writesACall).map(writeChunk))

  async function writeChunk(chunk: object[]) {
    let requests = chunk
    await untilEmpty(client, async () => {
      const input = { RequestItems: { [table]: requests } }
      const answer = await client.call<{ UnprocessedItems?: Record<string, object[]> }>(
        'BatchWriteItem',
        input,
        'lists',
      )
      requests = answer.UnprocessedItems?.[table] ?? []
      return requests.length
    })
  }
}

/** The items with these keys, in any order, never older than acknowledged writes. */
export async function getAll(client: DynamoClient, table: string, keys: Item[]): Promise<Item[]> {
  const found = await Promise.all(chunksOf(keys, keysACall).map(getChunk))
  return found.flat()

  async function getChunk(chunk: Item[]): Promise<Item[]> {
    const items: Item[] = []
    let rest = chunk
    await untilEmpty(client, async () => {
      const input = { RequestItems: { [table]: { Keys: rest, ConsistentRead: true } } }
      const answer = await client.call<{
        Responses: Record<string, Item[]>
        UnprocessedKeys?: Record<string, { Keys: Item[] }>
      }>('BatchGetItem', input, 'lists')
      items.push(...(answer.Responses[table] ?? []))
      rest = answer.UnprocessedKeys?.[table]?.Keys ?? []
      return rest.length
    })
    return items
  }
}

/** Calls again for what DynamoDB left undone, which it does when it is busy. */
async function untilEmpty({ timeoutMs }: DynamoClient, call: () => Promise<number>) {
  const deadline = performance.now() + timeoutMs
  for (let tries = 0; (await call()) > 0; tries += 1) {
    const pauseMs = Math.random() * Math.min(100 * 2 ** tries, 1000)
    if (performance.now() + pauseMs > deadline) throw tooBusy()
    await delay(pauseMs)
  }
}

export function chunksOf<Item>(items: Item[], size: number): Item[][] {
  const chunks: Item[][] = []
  for (let start = 0; start < items.length; start += size) {
    chunks.push(items.slice(start, start + size))
  }
  return chunks
}
