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

/**
 * The versions that If-Match names, by the strong comparison of RFC 9110, 13.1.1; undefined where any
 * will do. The part of a tag before its first hyphen is the version, whatever release sent it.
 */
export function readIfMatch({ headers }: IncomingMessage): string[] | undefined {
  const wanted = headers['if-match']
  if (wanted === undefined || wanted.trim() === '*') return undefined
  const strong = wanted.split(',').filter((tag) => !tag.trim().startsWith('W/'))
  return entityTags(strong.join(',')).map((tag) => tag.split('-')[0] as string)
}

/** The tags of a list such as `"a", W/"b"`, without quotes. */
function entityTags(list: string): string[] {
  return [...list.matchAll(/"([^"]*)"/g)].map((match) => match[1] as string)
}
