import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'
import type { HttpRequest } from './request.ts'

/** Entity tags without their quotes; `*` stands for any. */
type Tags = readonly string[]

/** What must hold before a request is carried out (RFC 9110, 13.1). */
export interface Preconditions {
  /** The resource must have one of these. */
  ifMatch: Tags | undefined
  /** It must have none of these. */
  ifNoneMatch: Tags | undefined
}

/** If-Match compares strongly, so that a weak tag matches nothing; If-None-Match compares weakly. */
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
 * Whether a read is to be answered 304; `etag` is what its answer has, if anything.
 * @throws {HttpError} 412
 */
export function isUnchanged(request: HttpRequest, etag: string | undefined): boolean {
  const { ifMatch, ifNoneMatch } = request.preconditions
  if (ifMatch && !includes(ifMatch, etag)) throw preconditionFailed(request)
  return ifNoneMatch !== undefined && includes(ifNoneMatch, etag)
}

/**
 * Checks a write to a resource that exists and has no entity tag. Writes to one that has, or may
 * not exist, hand the preconditions to its store instead, which checks them as it writes.
 * @throws {HttpError} 412
 */
export function assertPreconditions(request: HttpRequest) {
  const { ifMatch, ifNoneMatch } = request.preconditions
  const holds = (!ifMatch || includes(ifMatch)) && !(ifNoneMatch && includes(ifNoneMatch))
  if (!request.isRead && !holds) throw preconditionFailed(request)
}

/** A tag of the same content in another encoding counts as well. */
function includes(tags: Tags, etag?: string): boolean {
  return tags.some((tag) => tag === '*' || tag.replace(/-(br|gzip)$/, '') === etag)
}

export function preconditionFailed({ preconditions }: HttpRequest): HttpError {
  const detail = preconditions.ifMatch
    ? 'If-Match does not match the current version: read it again, then decide'
    : 'If-None-Match matches the current version: it already exists'
  return new HttpError(412, detail)
}
