import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { isPlain, preconditionsHold } from '../dynamodb/conditions.ts'
import type { Dynamo } from '../dynamodb/dynamo.ts'
import { assertConditionFailed, tooBusy } from '../dynamodb/errors.ts'
import { type Item, number, numberOf, text, textOf } from '../dynamodb/item.ts'
import { readTogether, together } from '../dynamodb/together.ts'
import type { Preconditions } from '../http/conditional.ts'
import { createChunks, type Kept } from './chunks.ts'
import { firstString, newVersion, type SavedString, type SavedStringStore } from './store.ts'

/** What the item of the string says. */
interface Pointer extends Kept {
  /** The versions before it, the latest first. */
  recent: string[]
}

export const pointerKey = { kind: text('string'), id: text('0') }

interface Put {
  value: string
  version: string
}

// With the versions, a read of the item takes no more than 4 KB, which is one unit.
export const inlineLimitBytes = 3 * 1024
const keptVersions = 16
const attemptsLimit = 20

/**
 * The saved string in one item, which names the versions before its own. So a put that had to be tried
 * again is recognized although others have come after it, and is not carried out twice.
 */
export function createSavedStringStore(dynamo: Dynamo): SavedStringStore {
  const { client } = dynamo
  const TableName = dynamo.tables.state.name
  const chunks = createChunks(dynamo)
  let known: Pointer | undefined
  let current: SavedString = { value: '', version: '' }
  // The latest first. A put with preconditions is none of them: whatever comes before it may break them.
  let underWay: Pointer[] = []
  let writes = 0

  const putTogether = together<Put, string>(
    async (puts) => {
      await overwrite(puts.at(-1) as Put)
      return puts.map(({ version }) => version)
    },
    { atOnce: 2 },
  )

  const readPointer = readTogether(fetchPointer)

  const readCurrent = readTogether(async () => {
    for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
      const pointer = await fetchPointer()
      const { version } = pointer
      if (version === current.version) return current
      const value = pointer.chunks === 0 ? pointer.value : await chunks.read(pointer)
      // The string was replaced so long ago that its chunks are gone.
      if (value === undefined) continue
      current = { value, version }
      return current
    }
    throw tooBusy()
  })

  return {
    current: () => readCurrent(''),

    // A look costs a read of DynamoDB.
    pollMs: 500,

    save(value, preconditions) {
      const put = { value, version: newVersion() }
      return isPlain(preconditions) ? putTogether('', put) : compareAndPut(put, preconditions)
    },
  }

  async function fetchPointer(): Promise<Pointer> {
    const before = writes
    const input = { TableName, Key: pointerKey, ConsistentRead: true }
    const { Item } = await client.call<{ Item?: Item }>('GetItem', input)
    if (Item === undefined) return putFirst()
    const pointer = toPointer(Item)
    if (writes === before) known = pointer
    return pointer
  }

  /** Several servers may start at once. */
  async function putFirst(): Promise<Pointer> {
    const version = randomBytes(8).toString('hex')
    const pointer = { value: firstString, version, recent: [], chunks: 0 }
    const failed = await tryPut(pointer, [])
    return failed ?? pointer
  }

  /**
   * Puts without regard to what is stored. When the item changes between a read and the put, that
   * change counts as the one that overwrote this put: both came at the same time.
   */
  async function overwrite(put: Put) {
    const kept = await chunks.write(put, inlineLimitBytes)
    const latest = await attempt(known ?? (await readPointer('')))
    const lost = latest && (await attempt(latest))
    if (lost) chunks.expire(kept)

    /** Gives what is stored instead, if the put was too late. */
    async function attempt(before: Pointer): Promise<Pointer | undefined> {
      const accepted = [...underWay, before]
      const pointer = { ...kept, recent: historyOf(accepted) }
      underWay = [pointer, ...underWay]
      try {
        return await putOver(accepted, pointer)
      } finally {
        underWay = underWay.filter((other) => other !== pointer)
      }
    }
  }

  /** Resolves to the version, or undefined if the preconditions do not hold. */
  async function compareAndPut(
    put: Put,
    preconditions: Preconditions,
  ): Promise<string | undefined> {
    let before = known
    if (!before || !preconditionsHold(preconditions, before.version)) before = await readPointer('')
    let kept: Kept | undefined
    for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
      if (!preconditionsHold(preconditions, before.version)) {
        if (kept) chunks.expire(kept)
        return undefined
      }
      kept ??= await chunks.write(put, inlineLimitBytes)
      const latest = await putOver([before], { ...kept, recent: historyOf([before]) })
      if (!latest) return put.version
      before = latest
      await delay(Math.random() * 20)
    }
    throw tooBusy()
  }

  async function putOver(accepted: Pointer[], pointer: Pointer): Promise<Pointer | undefined> {
    try {
      const latest = await dynamo.write(() => tryPut(pointer, accepted))
      if (latest) known = latest
      else if (!known?.recent.includes(pointer.version)) known = pointer
      if (!latest) for (const old of accepted) chunks.expire(old)
      return latest
    } finally {
      writes += 1
    }
  }

  /** Gives what is stored instead, unless the pointer is or was there. */
  async function tryPut(pointer: Pointer, accepted: Pointer[]): Promise<Pointer | undefined> {
    const values = accepted.map(({ version }, index) => [`:v${index}`, text(version)] as const)
    const condition =
      values.length > 0
        ? `#version IN (${values.map(([name]) => name)})`
        : 'attribute_not_exists(#version)'
    try {
      await client.call('PutItem', {
        TableName,
        Item: toItem(pointer),
        ConditionExpression: condition,
        ExpressionAttributeNames: { '#version': 'version' },
        ...(values.length > 0 && { ExpressionAttributeValues: Object.fromEntries(values) }),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      })
    } catch (error) {
      assertConditionFailed(error)
      const stored = error.item ? toPointer(error.item) : await readPointer('')
      const { version } = pointer
      if (stored.version !== version && !stored.recent.includes(version)) return stored
    }
  }
}

function historyOf(accepted: Pointer[]): string[] {
  const versions = accepted.flatMap(({ version, recent }) => [version, ...recent])
  return [...new Set(versions)].slice(0, keptVersions)
}

export function toItem({ value, version, recent, chunks }: Pointer): Item {
  const item: Item = { ...pointerKey, version: text(version), recent: text(recent.join(' ')) }
  if (chunks > 0) item.chunks = number(chunks)
  else item.value = text(value)
  return item
}

export function toPointer(item: Item): Pointer {
  return {
    value: textOf(item, 'value'),
    version: textOf(item, 'version'),
    recent: textOf(item, 'recent').split(' '),
    chunks: numberOf(item, 'chunks'),
  }
}
