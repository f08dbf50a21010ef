import type { Reply } from './reply.ts'
import { decodePercent, type HttpRequest } from './request.ts'

export interface Handler {
  (request: HttpRequest): Reply | Promise<Reply>
  /** Whether its replies depend on `Accept`. */
  varies?: boolean
}
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Patterns such as `/hello/{username}`, each with the handlers of its methods. */
export type Routes = Record<string, Partial<Record<Method, Handler>>>

/** Answers with the page for clients that prefer HTML, such as browsers, otherwise with JSON. */
export function negotiate(json: Handler, page: Handler): Handler {
  const handler: Handler = (request) => (request.prefersHtml ? page(request) : json(request))
  handler.varies = true
  return handler
}

interface Route {
  pattern: string
  handlers: Map<string, Handler>
  /** The methods, as in the Allow header. */
  allow: string
}

export interface Match {
  route: Route
  /** The decoded value of the placeholder. */
  parameter: string
}

/** Makes the function that finds the route of a path; a trailing slash makes no difference. */
export function createRouter(routes: Routes): (path: string) => Match | undefined {
  // `OPTIONS *` asks about the server as a whole (RFC 9110, 9.3.7).
  const matches = new Map<string, Match>([['*', { route: createRoute('*', {}), parameter: '' }]])
  const prefixes = new Map<string, Route>()
  for (const [pattern, methods] of Object.entries(routes)) {
    const route = createRoute(pattern, methods)
    const placeholder = pattern.indexOf('{')
    if (placeholder < 0) matches.set(pattern, { route, parameter: '' })
    else prefixes.set(pattern.slice(0, placeholder), route)
  }

  return function find(path) {
    return matches.get(path) ?? matches.get(withoutSlash(path)) ?? findByPrefix(withoutSlash(path))
  }

  function findByPrefix(path: string): Match | undefined {
    const start = path.lastIndexOf('/') + 1
    const route = prefixes.get(path.slice(0, start))
    return route && { route, parameter: decodePercent(path.slice(start)) }
  }
}

function createRoute(pattern: string, methods: Routes[string]): Route {
  const handlers = new Map(Object.entries(methods))
  if (methods.GET) handlers.set('HEAD', methods.GET)
  const allow = [...handlers.keys(), 'OPTIONS'].join(', ')
  handlers.set('OPTIONS', () => ({ status: 204, headers: ['Allow', allow] }))
  return { pattern, handlers, allow }
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}
