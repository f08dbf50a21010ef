import { createBirthdayStore } from '../birthdays/store.ts'
import type { Config } from '../config.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { createMoveWatch } from '../database/move-watch.ts'
import type { MoveState } from '../database/moving.ts'
import { createMovieStore } from '../movies/store.ts'
import { databaseMetrics } from '../operations/database-metrics.ts'
import { createHealthCheck, type MoveHealth } from '../operations/health.ts'
import { createSavedStringStore } from '../saved-string/store.ts'
import type { Stores } from './stores.ts'

/** Opens the database in the data folder. */
export function openSqliteStores(config: Config): Stores {
  return createSqliteStores(config, openDatabase(config.dataDir, config))
}

export function createSqliteStores({ worker }: Config, database: Database): Stores {
  const look = createMoveWatch(database)
  return {
    savedStrings: createSavedStringStore(database),
    birthdays: createBirthdayStore(database),
    movies: createMovieStore(database),
    database: () => database,
    move: {
      movedTo: () => movedTo(look()),
      health: () => moveHealth(look()),
    },
    check: createHealthCheck(database, worker),
    metrics: () => databaseMetrics(database),
    close: database.close,
  }
}

function movedTo(state: MoveState | undefined): string | undefined {
  return state?.phase === 'left' ? state.url : undefined
}

function moveHealth(state: MoveState | undefined): MoveHealth | undefined {
  if (state === undefined) return undefined
  const { phase, other, url } = state
  if (phase === 'left') return { status: 'moved', other: url }
  return { status: phase === 'noting' ? 'copying' : 'writes wait', other }
}
