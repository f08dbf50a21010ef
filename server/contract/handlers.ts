import { fixed, headersOf, type Reply } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import { createDocs } from './docs.ts'
import openapi from './openapi.json' with { type: 'json' }

/** The contract as OpenAPI and as a page, made from the same file. */
export function createContractHandlers() {
  const headers = headersOf('application/json; charset=utf-8', 'no-cache')
  const file = fixed(JSON.stringify(openapi, null, 2), headers)
  const render = createDocs(openapi)
  let shownAt: string | undefined
  let page: Reply

  return { openapi: () => file, docs }

  /** Renders only when the origin changes, as nearly everyone uses the same. */
  function docs({ origin }: HttpRequest): Reply {
    const place = isPlain(origin) ? origin : 'http://HOST'
    if (place !== shownAt) page = render(place)
    shownAt = place
    return page
  }
}

/** The page puts it into shell commands, and a Host may contain what a shell would run. */
function isPlain(origin: string): boolean {
  return /^https?:\/\/([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i.test(origin)
}
