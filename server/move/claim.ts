import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { DynamoClient } from '../dynamodb/client.ts'
import { assertConditionFailed } from '../dynamodb/errors.ts'
import { type Item, number, text } from '../dynamodb/item.ts'
import { type MoveRecord, moveKey, toMoveItem, toMoveRecord } from '../dynamodb/move-record.ts'

/** What a run decides about the record of a move. */
export type Decision = Pick<MoveRecord, 'phase' | 'other' | 'url'>

export interface ClaimTimes {
  /** How often a run says that it is alive. */
  beatMs: number
  /** After how long without a sign another run may take over. */
  silenceMs: number
}

export const usualTimes: ClaimTimes = { beatMs: 3000, silenceMs: 20_000 }

export async function readMoveRecord(
  client: DynamoClient,
  table: string,
): Promise<MoveRecord | undefined> {
  const input = { TableName: table, Key: moveKey, ConsistentRead: true }
  const { Item } = await client.call<{ Item?: Item }>('GetItem', input)
  return Item && toMoveRecord(Item)
}

/**
 * The record of a move in the hands of this run. All changes are made on the condition that no other run
 * has taken it over.
 */
export class Claim {
  readonly #client: DynamoClient
  readonly #table: string
  readonly #silenceMs: number
  #record: MoveRecord
  #turn: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #heldSince = now()

  private constructor(client: DynamoClient, table: string, record: MoveRecord, times: ClaimTimes) {
    this.#client = client
    this.#table = table
    this.#record = record
    this.#silenceMs = times.silenceMs
    this.#timer = setInterval(() => this.set({}).catch(() => {}), times.beatMs)
  }

  /**
   * Takes the record over with what `decide` makes of it.
   * @throws {Error} if another run is alive
   */
  static async take(
    client: DynamoClient,
    table: string,
    decide: (record: MoveRecord | undefined) => Decision,
    times = usualTimes,
    onWait = () => {},
  ): Promise<Claim> {
    const before = await readMoveRecord(client, table)
    const decision = decide(before)
    if (before && before.holder !== '') {
      onWait()
      await untilSilent(client, table, before, times)
    }
    const holder = randomUUID()
    const startedAt = now()
    const { phase, other, url } = decision
    const record = { phase, other, url, holder, beat: (before?.beat ?? 0) + 1 }
    if (!(await put(client, table, record, before))) throw anotherRun()
    const claim = new Claim(client, table, record, times)
    claim.#heldSince = startedAt
    return claim
  }

  get phase(): MoveRecord['phase'] {
    return this.#record.phase
  }

  get url(): string {
    return this.#record.url
  }

  /** @throws {Error} if another run has taken over, as while this machine was asleep */
  async assertHeld() {
    const { monotonic, wall } = this.#heldSince
    const ageMs = Math.max(performance.now() - monotonic, Date.now() - wall)
    if (ageMs > this.#silenceMs / 2) await this.set({})
  }

  set(change: Partial<Decision>): Promise<void> {
    return this.#inTurn(() => this.#put({ ...this.#record, ...change }))
  }

  /** Lets another run take over at once. */
  async release() {
    clearInterval(this.#timer)
    await this.#inTurn(() => this.#put({ ...this.#record, holder: '' }))
  }

  /** As a process that is killed. */
  abandon() {
    clearInterval(this.#timer)
  }

  async #put(record: MoveRecord) {
    const startedAt = now()
    const next = { ...record, beat: this.#record.beat + 1 }
    if (!(await put(this.#client, this.#table, next, this.#record))) throw anotherRun()
    this.#record = next
    this.#heldSince = startedAt
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(task, task)
    this.#turn = done
    return done
  }
}

/** By two clocks: one stops while the machine sleeps, the other may be set. */
function now() {
  return { monotonic: performance.now(), wall: Date.now() }
}

async function untilSilent(
  client: DynamoClient,
  table: string,
  before: MoveRecord,
  { silenceMs }: ClaimTimes,
) {
  await delay(silenceMs)
  const latest = await readMoveRecord(client, table)
  if (latest?.beat !== before.beat || latest.holder !== before.holder) throw anotherRun()
}

function anotherRun(): Error {
  return new Error('Another run is moving the data: wait until it ends')
}

/** Resolves to whether the record was as it should be before. */
async function put(
  client: DynamoClient,
  table: string,
  record: MoveRecord,
  before: MoveRecord | undefined,
): Promise<boolean> {
  const input = { TableName: table, Item: toMoveItem(record), ...heldBy(before) }
  try {
    await client.call('PutItem', input)
    return true
  } catch (error) {
    assertConditionFailed(error)
    // Perhaps because of an earlier try of the same call.
    return isDeepStrictEqual(await readMoveRecord(client, table), record)
  }
}

function heldBy(record: MoveRecord | undefined) {
  if (record === undefined) {
    return {
      ConditionExpression: 'attribute_not_exists(#kind)',
      ExpressionAttributeNames: { '#kind': 'kind' },
    }
  }
  return {
    ConditionExpression: '#holder = :holder AND #beat = :beat',
    ExpressionAttributeNames: { '#holder': 'holder', '#beat': 'beat' },
    ExpressionAttributeValues: { ':holder': text(record.holder), ':beat': number(record.beat) },
  }
}
