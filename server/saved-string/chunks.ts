import type { Dynamo } from '../dynamodb/dynamo.ts'
import { number, text, textOf } from '../dynamodb/item.ts'

/** A value as it is kept. */
export interface Kept {
  version: string
  /** Empty if it is in chunks. */
  value: string
  /** How many chunks; 0 for a value in the item of the string itself. */
  chunks: number
}

// An item can have 400 KB.
const chunkBytes = 350 * 1024
// A reader may have seen the item of the string before it was overwritten.
const keptSeconds = 3600

/** Long values of the saved string, in several items that never change. */
export function createChunks({ client, tables, query }: Dynamo) {
  const TableName = tables.state.name
  const kindOf = (version: string) => text(`value:${version}`)

  return {
    /** Writes the chunks of a value, unless it is short. */
    async write(
      { value, version }: { value: string; version: string },
      inlineLimitBytes: number,
    ): Promise<Kept> {
      if (Buffer.byteLength(value) <= inlineLimitBytes) return { value, version, chunks: 0 }
      const parts = split(value)
      const puts = parts.map((part, index) => {
        const Item = { kind: kindOf(version), id: text(String(index)), value: text(part) }
        return client.call('PutItem', { TableName, Item })
      })
      await Promise.all(puts)
      return { value: '', version, chunks: parts.length }
    },

    /** The value, or undefined if its chunks have expired. */
    async read({ version, chunks }: Kept): Promise<string | undefined> {
      const parts: string[] = []
      const pages = query({
        TableName,
        KeyConditionExpression: '#kind = :kind',
        ExpressionAttributeNames: { '#kind': 'kind' },
        ExpressionAttributeValues: { ':kind': kindOf(version) },
      })
      for await (const items of pages) parts.push(...items.map((item) => textOf(item, 'value')))
      return parts.length === chunks ? parts.join('') : undefined
    },

    /** Has DynamoDB delete the chunks of an overwritten value; without them nothing is wrong. */
    expire({ version, chunks }: Kept) {
      const expires = number(Math.round(Date.now() / 1000) + keptSeconds)
      for (let index = 0; index < chunks; index += 1) {
        const update = {
          TableName,
          Key: { kind: kindOf(version), id: text(String(index)) },
          ConditionExpression: 'attribute_exists(#kind)',
          UpdateExpression: 'SET #expires = :expires',
          ExpressionAttributeNames: { '#kind': 'kind', '#expires': 'expires' },
          ExpressionAttributeValues: { ':expires': expires },
        }
        client.call('UpdateItem', update).catch(() => {})
      }
    },
  }
}

/** Parts of at most `chunkBytes` in UTF-8. */
function split(value: string): string[] {
  const bytes = Buffer.from(value)
  const parts: string[] = []
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(start + chunkBytes, bytes.length)
    while (end < bytes.length && isContinuation(bytes[end] as number)) end -= 1
    parts.push(bytes.toString('utf8', start, end))
    start = end
  }
  return parts
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
