import type { Database } from '../database/database.ts'

export interface BirthdayStore {
  find: (username: string) => Temporal.PlainDate | undefined
  save: (username: string, dateOfBirth: Temporal.PlainDate) => Promise<void>
  /** Whether there was one to remove. */
  remove: (username: string) => Promise<boolean>
}

const select = 'SELECT date_of_birth FROM birthdays WHERE username = ?'

const upsert = `
  INSERT INTO birthdays (username, date_of_birth) VALUES (:username, :dateOfBirth)
  ON CONFLICT (username) DO UPDATE SET date_of_birth = excluded.date_of_birth`

const remove = 'DELETE FROM birthdays WHERE username = :username RETURNING username'

export function createBirthdayStore({ read, write }: Database): BirthdayStore {
  const find = read.prepare<[string], string>(select).pluck()

  return {
    find(username) {
      const date = find.get(username)
      return date === undefined ? undefined : Temporal.PlainDate.from(date)
    },

    async save(username, dateOfBirth) {
      await write.run(upsert, { username, dateOfBirth: dateOfBirth.toString() })
    },

    async remove(username) {
      const rows = await write.run(remove, { username })
      return rows.length > 0
    },
  }
}
