import type { Config } from '../config.ts'
import { makeFolder } from '../database/prepare.ts'
import { openSqliteStores } from './sqlite.ts'
import type { Stores } from './stores.ts'

/** Opens the stores that the configuration chooses. */
export async function openStores(config: Config): Promise<Stores> {
  if (config.dynamodb === undefined) return openSqliteStores(config)
  // Also without a database, the folder tells the sites on this machine apart.
  makeFolder(config.dataDir)
  const { openDynamoStores } = await import('./dynamodb.ts')
  return openDynamoStores(config, config.dynamodb)
}
