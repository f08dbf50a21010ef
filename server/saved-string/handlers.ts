import type { Form } from '../http/authorize.ts'
import { assertClean, unsupportedType } from '../http/body.ts'
import { type Preconditions, preconditionFailed } from '../http/conditional.ts'
import { fieldOf } from '../http/form.ts'
import { fieldError, HttpError } from '../http/http-error.ts'
import { objectWith, stringField } from '../http/json.ts'
import { empty, type Reply, seeOther } from '../http/reply.ts'
import { decodePercent, type HttpRequest, searchParameters } from '../http/request.ts'
import type { Follow } from './follow.ts'
import { createEditPage, createStringPage, pageScript } from './page.ts'
import type { SavedString, SavedStringStore } from './store.ts'

const supported = 'text/plain, application/json, application/x-www-form-urlencoded'

export function createSavedStringHandlers(
  store: SavedStringStore,
  { needsToken, follow }: { needsToken: boolean; follow: Follow },
) {
  const page = createStringPage(needsToken)
  const editPage = createEditPage(needsToken)
  let shown: SavedString | undefined
  let reply: Reply

  function render(current: SavedString): Reply {
    if (current !== shown) reply = page(current)
    shown = current
    return reply
  }

  return {
    /** The page, rendered once per value. */
    get: () => store.current().then(render),

    script: () => pageScript,

    async put(request: HttpRequest): Promise<Reply> {
      const value = await readString(request)
      const version = await store.save(value, request.preconditions)
      if (version === undefined) throw preconditionFailed(request)
      return { ...empty(204), etag: page.etag(version) }
    },

    /** The form to edit the present string. */
    async edit(): Promise<Reply> {
      const { value, version } = await store.current()
      return editPage({ string: value, version })
    },

    editForm: {
      async submit(fields, request) {
        const { version } = fields
        const conditions = conditionsOf(request, version)
        if (await store.save(fieldOf(fields, 'string'), conditions)) return seeOther('/')
        throw version === undefined ? preconditionFailed(request) : changed()
      },
      // After a change by someone else, the form may be sent again to replace that.
      async again(fields, error) {
        if (error.status !== 412) return editPage(fields, error)
        const { version } = await store.current()
        return editPage({ ...fields, version }, error)
      },
    } satisfies Form,

    /** Server-sent events: the string now and after every change. */
    events: follow.reply,
  }
}

/** A form that names the version it edits replaces no other one. */
function conditionsOf({ preconditions }: HttpRequest, version: string | undefined): Preconditions {
  const { ifMatch, ifNoneMatch } = preconditions
  return { ifMatch: ifMatch ?? (version === undefined ? undefined : [version]), ifNoneMatch }
}

function changed(): HttpError {
  const cure = 'look at it in another tab, then save again to replace it'
  return new HttpError(412, `Someone else has changed the string since: ${cure}`)
}

async function readString(request: HttpRequest): Promise<string> {
  const type = request.contentType
  if (type === 'application/json') {
    return stringField(objectWith(await request.json(), ['string']).string, 'string')
  }
  const text = await request.text()
  const isForm = type === 'application/x-www-form-urlencoded'
  if (!isForm && type !== '' && type !== 'text/plain') throw unsupportedType(type, supported)
  const value = isForm ? readForm(text) : text
  assertClean(value, 'The string')
  return value
}

/** Reads what `curl -d` sends: the field `string` of a form, otherwise the text as is. */
function readForm(text: string): string {
  if (!text.split('&').some(isStringField)) return text
  const values = searchParameters(text).filter(([name]) => name === 'string')
  if (values.length > 1) throw fieldError('string', 'appears twice: keep one')
  return values[0]?.[1] as string
}

/** A name may be percent-encoded; text that only looks so, such as `100%=`, is not a form. */
function isStringField(pair: string): boolean {
  const equals = pair.indexOf('=')
  try {
    return equals >= 0 && decodePercent(pair.slice(0, equals)) === 'string'
  } catch {
    return false
  }
}
