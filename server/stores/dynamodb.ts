import { hostname } from 'node:os'
import { fixedCredentials, RoleCredentials } from '../aws/credentials.ts'
import { readMetadata } from '../aws/metadata.ts'
import { createBirthdayStore } from '../birthdays/dynamodb-store.ts'
import type { Config } from '../config.ts'
import { DynamoClient } from '../dynamodb/client.ts'
import { createDynamo } from '../dynamodb/dynamo.ts'
import { createHealthCheck } from '../dynamodb/health.ts'
import type { MoveRecord } from '../dynamodb/move-record.ts'
import { explainStart, prepareTables, tablesOf } from '../dynamodb/tables.ts'
import { createMovieStore } from '../movies/dynamodb-store.ts'
import { dynamoMetrics } from '../operations/dynamodb-metrics.ts'
import type { MoveHealth } from '../operations/health.ts'
import { createSavedStringStore } from '../saved-string/dynamodb-store.ts'
import type { Stores } from './stores.ts'
import { WriteLimit } from './write-limit.ts'

type Connection = NonNullable<Config['dynamodb']>

/**
 * Opens the tables. A file of its own in the release, which is not loaded on SQLite.
 * @throws {Error} one line with the cure for missing or other tables, missing rights and the like
 */
export async function openDynamoStores(config: Config, connection: Connection): Promise<Stores> {
  const { endpoint, region, isLocal, tablePrefix } = connection
  const where = isLocal ? endpoint : region
  const tables = tablesOf(tablePrefix)
  const client = new DynamoClient({
    ...config,
    endpoint,
    region,
    credentials: credentialsOf(connection),
  })
  const dynamo = createDynamo(client, tables, config)
  const savedStrings = createSavedStringStore(dynamo)
  const check = createHealthCheck(dynamo, savedStrings, {
    machine: await nameMachine(connection),
    worker: config.worker,
    release: config.releaseId,
  })
  try {
    await prepareTables(client, tables, { where, mayCreate: isLocal })
    await Promise.all([check(), dynamo.move.look()])
  } catch (error) {
    client.close()
    throw explainStart(error, { where, table: tables.state.name })
  }

  const limit = new WriteLimit(config.writeQueueLimit)
  const birthdays = createBirthdayStore(dynamo)
  const movies = createMovieStore(dynamo)
  return {
    savedStrings: { ...savedStrings, save: limit.bound(savedStrings.save) },
    birthdays: {
      ...birthdays,
      save: limit.bound(birthdays.save),
      remove: limit.bound(birthdays.remove),
    },
    movies: {
      ...movies,
      save: limit.bound(movies.save),
      saveAll: limit.bound(movies.saveAll),
      remove: limit.bound(movies.remove),
    },
    database() {
      throw new Error('STORE=dynamodb has no SQLite database, which one of the features needs')
    },
    move: {
      movedTo: dynamo.move.movedTo,
      health: () => moveHealth(dynamo.move.record()),
    },
    check: limit.bound(check),
    metrics: () => dynamoMetrics(client, limit),
    async close() {
      client.close()
    },
  }
}

function moveHealth(record: MoveRecord | undefined): MoveHealth | undefined {
  if (record === undefined || record.phase === 'open') return undefined
  if (record.phase === 'left') return { status: 'moved', other: record.url }
  return { status: 'writes wait', other: record.other }
}

function credentialsOf({ credentials, metadataUrl }: Connection) {
  return credentials ? fixedCredentials(credentials) : new RoleCredentials(metadataUrl)
}

/** The id of the instance, or else the name of the host. */
async function nameMachine({ credentials, metadataUrl }: Connection): Promise<string> {
  if (credentials) return hostname()
  return (await readMetadata(metadataUrl, 'instance-id').catch(() => '')) || hostname()
}
