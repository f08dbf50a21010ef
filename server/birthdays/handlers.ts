import { HttpError } from '../http/http-error.ts'
import { objectWith, readJson, stringField } from '../http/json.ts'
import { empty, json, type Reply } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import { greeting, parseDateOfBirth, parseUsername } from './greeting.ts'
import type { BirthdayStore } from './store.ts'

export function createBirthdayHandlers(store: BirthdayStore, timeZone: string) {
  const today = () => Temporal.Now.plainDateISO(timeZone)

  return {
    get({ parameter }: HttpRequest): Reply {
      const username = parseUsername(parameter)
      const dateOfBirth = store.find(username)
      if (dateOfBirth === undefined) throw unknown(username)
      return json(200, { message: greeting(username, dateOfBirth, today()) })
    },

    async put(request: HttpRequest): Promise<Reply> {
      const username = parseUsername(request.parameter)
      const { dateOfBirth } = objectWith(await readJson(request), ['dateOfBirth'])
      const text = stringField(dateOfBirth, 'dateOfBirth')
      await store.save(username, parseDateOfBirth(text, today()))
      return empty(204)
    },

    async delete({ parameter }: HttpRequest): Promise<Reply> {
      const username = parseUsername(parameter)
      if (!(await store.remove(username))) throw unknown(username)
      return empty(204)
    },
  }
}

function unknown(username: string): HttpError {
  return new HttpError(404, `No birthday is known of ${username}: PUT one first`)
}
