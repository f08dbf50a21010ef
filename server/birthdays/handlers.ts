import { crc32 } from 'node:zlib'
import { preconditionFailed } from '../http/conditional.ts'
import { HttpError } from '../http/http-error.ts'
import { objectWith, stringField } from '../http/json.ts'
import { empty, json, type Reply } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import { greeting, parseDateOfBirth, parseUsername } from './greeting.ts'
import type { BirthdayStore } from './store.ts'
import { createToday } from './today.ts'

export function createBirthdayHandlers(store: BirthdayStore, timeZone: string) {
  const today = createToday(timeZone)

  return {
    get({ parameter }: HttpRequest): Reply {
      const username = parseUsername(parameter)
      const birthday = store.find(username)
      if (!birthday) throw unknown(username)
      const message = greeting(username, birthday.dateOfBirth, today())
      // The greeting changes by the day, a birthday only when it is saved.
      const etag = `${birthday.version}-${crc32(message).toString(16)}`
      return json(200, { message }, { etag })
    },

    async put(request: HttpRequest): Promise<Reply> {
      const username = parseUsername(request.parameter)
      const { dateOfBirth } = objectWith(await request.json(), ['dateOfBirth'])
      const text = stringField(dateOfBirth, 'dateOfBirth')
      const date = parseDateOfBirth(text, today())
      if (await store.save(username, date, request.preconditions)) return empty(204)
      throw preconditionFailed(request)
    },

    async delete(request: HttpRequest): Promise<Reply> {
      const username = parseUsername(request.parameter)
      if (await store.remove(username, request.preconditions)) return empty(204)
      throw store.find(username) ? preconditionFailed(request) : unknown(username)
    },
  }
}

function unknown(username: string): HttpError {
  return new HttpError(404, `No birthday stored for ${username}: PUT one first`)
}
