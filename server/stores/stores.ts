import type { BirthdayStore } from '../birthdays/store.ts'
import type { Database } from '../database/database.ts'
import type { Eventual } from '../http/eventual.ts'
import type { MovieStore } from '../movies/store.ts'
import type { MoveHealth } from '../operations/health.ts'
import type { Family } from '../operations/metrics.ts'
import type { SavedStringStore } from '../saved-string/store.ts'

/** Where the features keep their data: in SQLite or in DynamoDB, as STORE says. */
export interface Stores {
  savedStrings: SavedStringStore
  birthdays: BirthdayStore
  movies: MovieStore
  /** For features whose data is only in SQLite. @throws {Error} on DynamoDB */
  database: () => Database
  move: {
    /** Where requests are to go instead, if the data has moved. */
    movedTo: () => Eventual<string | undefined>
    health: () => MoveHealth | undefined
  }
  /** @throws unless data can be read and written */
  check: () => Promise<void>
  metrics: () => Family[]
  /** Waits for accepted writes. */
  close: () => Promise<void>
}
