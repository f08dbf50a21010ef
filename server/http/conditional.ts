import type { IncomingMessage } from 'node:http'

/**
 * Whether a read may be answered 304, by the weak comparison of RFC 9110, 13.1.2: a tag of the same
 * content in another encoding holds as well.
 */
export function isUnchanged({ method, headers }: IncomingMessage, etag: string): boolean {
  const known = headers['if-none-match']
  if (known === undefined || (method !== 'GET' && method !== 'HEAD')) return false
  return (
    known.trim() === '*' || entityTags(known).some((tag) => tag.replace(/-(br|gzip)$/, '') === etag)
  )
}

/** The tags of a list such as `"a", W/"b"`, without quotes. */
export function entityTags(list: string): string[] {
  return [...list.matchAll(/(?:W\/)?"([^"]*)"/g)].map((match) => match[1] as string)
}
