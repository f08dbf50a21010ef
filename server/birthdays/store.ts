import type { Database } from '../database/database.ts'
import { preconditionParameters, preconditionsHold } from '../database/preconditions.ts'
import type { Preconditions } from '../http/conditional.ts'

export interface Birthday {
  dateOfBirth: Temporal.PlainDate
  /** Different after every write. */
  version: string
}

export interface BirthdayStore {
  find: (username: string) => Birthday | undefined | Promise<Birthday | undefined>
  /** Resolves to whether it was saved: not if the preconditions fail. */
  save: (
    username: string,
    dateOfBirth: Temporal.PlainDate,
    preconditions: Preconditions,
  ) => Promise<boolean>
  /** Resolves to whether there was one to remove that meets the preconditions. */
  remove: (username: string, preconditions: Preconditions) => Promise<boolean>
}

const select = 'SELECT date_of_birth AS dateOfBirth, version FROM birthdays WHERE username = ?'

const holds = preconditionsHold('SELECT version FROM birthdays WHERE username = :username')

const upsert = `
  INSERT INTO birthdays (username, date_of_birth, version)
  SELECT :username, :dateOfBirth, lower(hex(randomblob(8))) WHERE ${holds}
  ON CONFLICT (username) DO UPDATE
  SET date_of_birth = excluded.date_of_birth, version = excluded.version
  RETURNING username`

const remove = `DELETE FROM birthdays WHERE username = :username AND ${holds} RETURNING username`

export function createBirthdayStore({ read, write, together }: Database): BirthdayStore {
  const find = read.prepare<[string], { dateOfBirth: string; version: string }>(select)

  return {
    async find(username) {
      const row = await together(() => find.get(username))
      return row && { ...row, dateOfBirth: Temporal.PlainDate.from(row.dateOfBirth) }
    },

    async save(username, dateOfBirth, preconditions) {
      const row = { username, dateOfBirth: dateOfBirth.toString() }
      const rows = await write.run(upsert, { ...row, ...preconditionParameters(preconditions) })
      return rows.length > 0
    },

    async remove(username, preconditions) {
      const parameters = { username, ...preconditionParameters(preconditions) }
      const rows = await write.run(remove, parameters)
      return rows.length > 0
    },
  }
}
