import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'

/** Entity tags without their quotes; `*` matches any. */
type Tags = readonly string[]

/** The preconditions of a request (RFC 9110, 13.1). */
export interface Preconditions {
  /** The resource must have one of these tags. */
  ifMatch: Tags | undefined
  /** The resource must have none of these tags. */
  ifNoneMatch: Tags | undefined
}

/** A request, as far as its preconditions go. */
interface Conditional {
  isRead: boolean
  preconditions: Preconditions
}

/** If-Match compares strongly, so weak tags match nothing; If-None-Match compares weakly. */
export function readPreconditions({ headers }: IncomingMessage): Preconditions {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  return {
    ifMatch: ifMatch === undefined ? undefined : readTags(ifMatch, /(?<!W\/)"([^"]*)"/g),
    ifNoneMatch: ifNoneMatch === undefined ? undefined : readTags(ifNoneMatch, /"([^"]*)"/g),
  }
}

function readTags(list: string, tag: RegExp): Tags {
  if (list.trim() === '*') return ['*']
  const tags = [...list.matchAll(tag)].map((match) => match[1] as string)
  return tags.filter((text) => text !== '*')
}

/**
 * Whether a read must be answered 304; `etag` is that of its answer, if any.
 * @throws {HttpError} 412
 */
export function isUnchanged(request: Conditional, etag: string | undefined): boolean {
  const { ifMatch, ifNoneMatch } = request.preconditions
  if (ifMatch && !includes(ifMatch, etag)) throw preconditionFailed(request)
  return ifNoneMatch !== undefined && includes(ifNoneMatch, etag)
}

/**
 * Checks a write to an existing resource without an entity tag. For other resources, the store
 * checks the preconditions as it writes.
 * @throws {HttpError} 412
 */
export function assertPreconditions(request: Conditional) {
  const { ifMatch, ifNoneMatch } = request.preconditions
  const holds = (!ifMatch || includes(ifMatch)) && !(ifNoneMatch && includes(ifNoneMatch))
  if (!request.isRead && !holds) throw preconditionFailed(request)
}

/** A tag of the same content in another encoding also matches. */
function includes(tags: Tags, etag?: string): boolean {
  return tags.some((tag) => tag === '*' || tag.replace(/-(br|gzip)$/, '') === etag)
}

export function preconditionFailed({ preconditions }: Conditional): HttpError {
  const detail = preconditions.ifMatch
    ? 'If-Match does not match the current version: read it again, then decide'
    : 'If-None-Match matches the current version: it already exists'
  return new HttpError(412, detail)
}
