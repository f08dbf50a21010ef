import { Rate } from './limits.ts'
import type { Routes } from './router.ts'

/** What monitoring and certificate authorities read. */
const exempt = /^\/(healthz|metrics|\.well-known)(\/|$)/

/** Limits how many GET and HEAD requests one address may make per minute; 0 turns the limit off. */
export function limitReads(routes: Routes, perMinute: number): Routes {
  if (perMinute === 0) return routes
  const rate = new Rate(perMinute, 'reads')
  const entries = Object.entries(routes).map(([path, handlers]): [string, Routes[string]] => {
    const { GET } = handlers
    if (GET === undefined || exempt.test(path)) return [path, handlers]
    return [
      path,
      {
        ...handlers,
        GET(request) {
          rate.take(request.address)
          return GET(request)
        },
      },
    ]
  })
  return Object.fromEntries(entries)
}
