import { after, type Eventual } from '../http/eventual.ts'
import type { Reply } from '../http/reply.ts'

// About this server or the API, not about the data.
const staysHere =
  /^\/(\.well-known\/|(healthz(\/\w+)?|metrics|status|echo|docs|[\w-]+\.(js|json|txt))\/?($|\?))/

/**
 * Makes the function that sends requests to where the data has moved, writes as well. Browsers must not
 * keep the answer, as the data may move back.
 */
export function createElsewhere(movedTo: () => Eventual<string | undefined>) {
  return function elsewhere(target: string): Eventual<Reply | undefined> {
    const url = movedTo()
    if (url === undefined) return undefined
    if (staysHere.test(target) || !target.startsWith('/')) return withoutWaiting(url)
    return after(url, (url) => (url === undefined ? undefined : redirect(url + target)))
  }
}

/** Nobody is told of its failure. */
function withoutWaiting(url: Eventual<unknown>): undefined {
  if (url instanceof Promise) url.catch(() => {})
}

function redirect(url: string): Reply {
  const type = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store']
  const body = `The data has moved: request ${url}\nWith curl, add --location to follow redirects.\n`
  return { status: 307, headers: [...type, 'Location', url], body }
}
