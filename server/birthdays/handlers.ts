import { crc32 } from 'node:zlib'
import type { Form } from '../http/authorize.ts'
import { preconditionFailed } from '../http/conditional.ts'
import { type Fields, fieldOf } from '../http/form.ts'
import { HttpError } from '../http/http-error.ts'
import { objectWith, stringField } from '../http/json.ts'
import { empty, json, type Reply, seeOther } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import { daysToBirthday, greeting, parseDateOfBirth, parseUsername } from './greeting.ts'
import { createBirthdayPages } from './page.ts'
import type { BirthdayStore } from './store.ts'
import { createToday } from './today.ts'

export function createBirthdayHandlers(
  store: BirthdayStore,
  { timeZone, needsToken }: { timeZone: string; needsToken: boolean },
) {
  const today = createToday(timeZone)
  const pages = createBirthdayPages({ needsToken, today })

  return {
    async get({ parameter }: HttpRequest): Promise<Reply> {
      const username = parseUsername(parameter)
      const birthday = await find(username)
      const message = greeting(username, birthday.dateOfBirth, today())
      // The greeting changes by the day, a birthday only when it is saved.
      const etag = `${birthday.version}-${crc32(message).toString(16)}`
      return json(200, { message }, { etag })
    },

    async put(request: HttpRequest): Promise<Reply> {
      const username = parseUsername(request.parameter)
      const { dateOfBirth } = objectWith(await request.json(), ['dateOfBirth'])
      await save(username, stringField(dateOfBirth, 'dateOfBirth'), request)
      return empty(204)
    },

    async delete(request: HttpRequest): Promise<Reply> {
      await remove(parseUsername(request.parameter), request)
      return empty(204)
    },

    /** The greeting as a page. */
    async page({ parameter }: HttpRequest): Promise<Reply> {
      const username = parseUsername(parameter)
      const birthday = await store.find(username)
      if (!birthday) return pages.unknown(username)
      return pages.greeting(username, daysToBirthday(birthday.dateOfBirth, today()))
    },

    /** The page with the forms, one of which asks for someone's greeting. */
    forms(request: HttpRequest): Reply {
      const { username } = request.query(['username'])
      return username === undefined ? pages.forms() : seeOther(pathOf(parseUsername(username)))
    },

    saveForm: {
      async submit(fields, request) {
        const username = usernameOf(fields)
        await save(username, fieldOf(fields, 'dateOfBirth'), request)
        return seeOther(pathOf(username))
      },
      again: pages.forms,
    } satisfies Form,

    deleteForm: {
      async submit(fields, request) {
        const username = usernameOf(fields)
        await remove(username, request)
        return pages.deleted(username)
      },
      again: pages.notDeleted,
    } satisfies Form,
  }

  async function find(username: string) {
    const birthday = await store.find(username)
    if (!birthday) throw unknown(username)
    return birthday
  }

  /** @throws {HttpError} 400 for an invalid date, 412 */
  async function save(username: string, text: string, request: HttpRequest) {
    const date = parseDateOfBirth(text, today())
    if (await store.save(username, date, request.preconditions)) return
    throw preconditionFailed(request)
  }

  /** @throws {HttpError} 404 or 412 */
  async function remove(username: string, request: HttpRequest) {
    if (await store.remove(username, request.preconditions)) return
    throw (await store.find(username)) ? preconditionFailed(request) : unknown(username)
  }
}

function usernameOf(fields: Fields): string {
  return parseUsername(fieldOf(fields, 'username').trim())
}

function pathOf(username: string): string {
  return `/hello/${encodeURIComponent(username)}`
}

function unknown(username: string): HttpError {
  return new HttpError(404, `No birthday stored for ${username}: PUT one first`)
}
