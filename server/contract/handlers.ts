import { fixed, type Reply } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import { createDocs } from './docs.ts'
import openapi from './openapi.json' with { type: 'json' }

/** The contract as a file for programs and a page for people, made from the same text. */
export function createContractHandlers() {
  const file = fixed(JSON.stringify(openapi, null, 2), [
    ...['Content-Type', 'application/json; charset=utf-8'],
    ...['Cache-Control', 'no-cache'],
  ])
  const render = createDocs(openapi)
  let shownAt: string | undefined
  let page: Reply

  return { openapi: () => file, docs }

  /** Rendered once for each origin in a row, as nearly everyone uses the same. */
  function docs({ origin }: HttpRequest): Reply {
    const place = isPlain(origin) ? origin : 'http://HOST'
    if (place !== shownAt) page = render(place)
    shownAt = place
    return page
  }
}

/** The page puts it into a command for a shell, and a Host may hold what a shell would run. */
function isPlain(origin: string): boolean {
  return /^https?:\/\/([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i.test(origin)
}
