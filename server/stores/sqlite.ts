import { createBirthdayStore } from '../birthdays/store.ts'
import type { Config } from '../config.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { createMovieStore } from '../movies/store.ts'
import { databaseMetrics } from '../operations/database-metrics.ts'
import { createHealthCheck } from '../operations/health.ts'
import { createSavedStringStore } from '../saved-string/store.ts'
import type { Stores } from './stores.ts'

/** Opens the database in the data folder; `threadFile` is for its writer. */
export function openSqliteStores(config: Config, threadFile: string): Stores {
  return createSqliteStores(config, openDatabase(config.dataDir, { ...config, threadFile }))
}

export function createSqliteStores({ worker }: Config, database: Database): Stores {
  return {
    savedStrings: createSavedStringStore(database),
    birthdays: createBirthdayStore(database),
    movies: createMovieStore(database),
    database: () => database,
    check: createHealthCheck(database, worker),
    metrics: () => databaseMetrics(database),
    close: database.close,
  }
}
