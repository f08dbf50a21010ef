import { randomBytes } from 'node:crypto'
import { conditionOf, isPlain } from '../dynamodb/conditions.ts'
import type { Dynamo, Write } from '../dynamodb/dynamo.ts'
import { text, textOf } from '../dynamodb/item.ts'
import { together } from '../dynamodb/together.ts'
import type { BirthdayStore } from './store.ts'

/** Birthdays in a table of their own: username, date, version. */
export function createBirthdayStore({ tables, get, transact, inTurn }: Dynamo): BirthdayStore {
  const TableName = tables.birthdays.name
  const keyOf = (username: string) => ({ username: text(username) })
  // Only the last of those that wait together is stored: it overwrites the others.
  const putTogether = together<Write, boolean>(
    async (puts, username) => {
      await write(username, puts.at(-1) as Write)
      return puts.map(() => true)
    },
    { atOnce: 1 },
  )

  return {
    async find(username) {
      const item = await get(TableName, keyOf(username))
      if (item === undefined) return undefined
      const dateOfBirth = Temporal.PlainDate.from(textOf(item, 'date'))
      return { dateOfBirth, version: textOf(item, 'version') }
    },

    save(username, dateOfBirth, preconditions) {
      const Item = {
        ...keyOf(username),
        date: text(dateOfBirth.toString()),
        version: text(randomBytes(8).toString('hex')),
      }
      const put = { Put: { TableName, Item, ...conditionOf(preconditions) } }
      return isPlain(preconditions) ? putTogether(username, put) : write(username, put)
    },

    remove(username, preconditions) {
      const condition = conditionOf(preconditions, { mustExist: true })
      return write(username, { Delete: { TableName, Key: keyOf(username), ...condition } })
    },
  }

  /** Resolves to whether the conditions held. */
  function write(username: string, change: Write): Promise<boolean> {
    return inTurn(`birthday ${username}`, async () => (await transact([change])) === undefined)
  }
}
