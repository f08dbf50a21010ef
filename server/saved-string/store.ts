import { randomUUIDv7 } from 'node:crypto'
import type { Database } from '../database/database.ts'
import { preconditionParameters, preconditionsHold } from '../database/preconditions.ts'
import type { Preconditions } from '../http/conditional.ts'

export interface SavedString {
  value: string
  /** Changes with every write, also across backups and restores. */
  version: string
}

/** When the string was saved, unless an earlier release or a restore did that. */
export function savedAt({ version }: SavedString): Date | undefined {
  const isTimed = version.length === timedLength
  return isTimed ? new Date(Number.parseInt(version.slice(0, 12), 16)) : undefined
}

const timedLength = 32

/** Starts with the time, as a UUID of version 7 does. */
export function newVersion(): string {
  return randomUUIDv7().replaceAll('-', '')
}

/** What is saved before anybody has saved anything, also by the first migration. */
export const firstString = 'dynamic string'

export interface SavedStringStore {
  /**
   * Never older than the last write acknowledged by any worker; the same object until it changes.
   * Calls in one turn of the event loop share one read, made after the last of them.
   */
  current: () => Promise<SavedString>
  /** How often a process with followers looks for a change. */
  pollMs: number
  /** Gives the new version, or undefined if the preconditions do not hold. */
  save: (value: string, preconditions: Preconditions) => Promise<string | undefined>
}

const save = `
  UPDATE saved_string SET value = :value, version = :version
  WHERE ${preconditionsHold('SELECT version FROM saved_string')}
  RETURNING version`

export function createSavedStringStore(database: Database): SavedStringStore {
  const select = database.read.prepare<[], SavedString>('SELECT value, version FROM saved_string')
  let databaseVersion = -1
  let looking: Promise<SavedString> | undefined
  let current: SavedString = { value: '', version: '' }

  return {
    pollMs: 250,

    current() {
      looking ??= database.together(look)
      return looking
    },

    async save(value, preconditions) {
      const version = newVersion()
      const parameters = { value, version, ...preconditionParameters(preconditions) }
      const [row] = await database.write.run(save, parameters)
      return row?.version as string | undefined
    },
  }

  function look() {
    looking = undefined
    const latest = database.version()
    if (latest !== databaseVersion) refresh(latest)
    return current
  }

  // The version is read before the value: a commit in between only means another refresh.
  function refresh(latest: number) {
    const row = select.get() as SavedString
    databaseVersion = latest
    if (row.version !== current.version) current = row
  }
}
