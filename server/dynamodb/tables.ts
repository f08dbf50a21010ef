import { setTimeout as delay } from 'node:timers/promises'
import { HttpError } from '../http/http-error.ts'
import type { DynamoClient } from './client.ts'
import { DynamoError } from './errors.ts'

/** A table and its key: a partition key, and a sort key if there is one. */
export interface Table {
  name: string
  keys: [attribute: string, type: 'S' | 'N'][]
}

export type Tables = ReturnType<typeof tablesOf>

/** The tables of a site. */
export function tablesOf(prefix: string) {
  return {
    movies: table('movies', [
      ['year', 'N'],
      ['title', 'S'],
    ]),
    birthdays: table('birthdays', [['username', 'S']]),
    /** Everything else: the saved string, notes for finding movies, heartbeats. */
    state: table('state', [
      ['kind', 'S'],
      ['id', 'S'],
    ]),
  }

  function table(what: string, keys: Table['keys']): Table {
    return { name: `${prefix}-${what}`, keys }
  }
}

interface Description {
  Table: {
    TableStatus: string
    KeySchema: { AttributeName: string }[]
    AttributeDefinitions: { AttributeName: string; AttributeType: string }[]
  }
}

const createdWithinMs = 30_000

/**
 * Checks that the tables are there and have the right keys. On a loopback endpoint, missing ones are
 * created.
 * @throws {Error} one line that names the table and the cure
 */
export async function prepareTables(
  client: DynamoClient,
  tables: Tables,
  { where, mayCreate }: { where: string; mayCreate: boolean },
) {
  await Promise.all(Object.values(tables).map(prepare))

  async function prepare(table: Table) {
    const keys = await keysOf(table)
    if (keys === undefined && mayCreate) return create(table)
    if (keys === undefined) {
      throw new Error(
        `DynamoDB has no table ${table.name} in ${where}: run npx onebox up, or set TABLE_PREFIX or AWS_REGION`,
      )
    }
    const wanted = inWords(table.keys)
    if (keys === wanted) return
    throw new Error(
      `The table ${table.name} in ${where} has the key ${keys} instead of ${wanted}: set another TABLE_PREFIX`,
    )
  }

  /** Undefined if there is no such table. */
  async function keysOf({ name }: Table): Promise<string | undefined> {
    try {
      const { Table } = await client.call<Description>('DescribeTable', { TableName: name })
      const types = new Map(
        Table.AttributeDefinitions.map((one) => [one.AttributeName, one.AttributeType]),
      )
      return inWords(
        Table.KeySchema.map((key) => [key.AttributeName, types.get(key.AttributeName) ?? '']),
      )
    } catch (error) {
      if (error instanceof DynamoError && error.code === 'ResourceNotFoundException')
        return undefined
      throw explain(error, name)
    }
  }

  /** Several workers may do this at once. */
  async function create({ name, keys }: Table) {
    const input = {
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: keys.map(([AttributeName, AttributeType]) => ({
        AttributeName,
        AttributeType,
      })),
      KeySchema: keys.map(([AttributeName], index) => ({
        AttributeName,
        KeyType: index === 0 ? 'HASH' : 'RANGE',
      })),
    }
    await client.call('CreateTable', input).catch((error) => {
      const isThere = error instanceof DynamoError && error.code === 'ResourceInUseException'
      if (!isThere) throw explain(error, name)
    })
    const deadline = performance.now() + createdWithinMs
    for (;;) {
      const { Table } = await client.call<Description>('DescribeTable', { TableName: name })
      if (Table.TableStatus === 'ACTIVE') return
      if (performance.now() > deadline)
        throw new Error(`The table ${name} is not ready after 30 s: try again`)
      await delay(100)
    }
  }

  function explain(error: unknown, name: string): unknown {
    return explainStart(error, { where, table: name })
  }
}

/** Replaces errors of a first call by one line with the cure. */
export function explainStart(
  error: unknown,
  { where, table }: { where: string; table: string },
): unknown {
  if (error instanceof HttpError) {
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    return new Error(`DynamoDB (${where}) does not answer: ${reason}; start it, or try again`)
  }
  if (!(error instanceof DynamoError)) return error
  const { code, message } = error
  if (code === 'AccessDeniedException') {
    return new Error(`No rights to the table ${table} in ${where}: grant them (${message})`)
  }
  if (error.status < 500 && /Signature|Token|UnrecognizedClient/.test(code)) {
    return new Error(`AWS refuses the credentials: set others, or leave them out (${message})`)
  }
  return error
}

/** Such as `year (N), title (S)`. */
function inWords(keys: [attribute: string, type: string][]): string {
  return keys.map(([attribute, type]) => `${attribute} (${type})`).join(', ')
}
