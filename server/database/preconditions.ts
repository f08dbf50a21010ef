import type { Preconditions } from '../http/conditional.ts'

/**
 * SQL that is true when the preconditions of a request hold for the row that `current`, a SELECT of
 * its `version`, finds. A part of the statement that writes, so that nobody comes in between.
 */
export function preconditionsHold(current: string): string {
  const isAmong = (tags: string) =>
    `EXISTS (SELECT 1 FROM (${current}), json_each(${tags}) WHERE value IN ('*', version))`
  return `(:ifMatch IS NULL OR ${isAmong(':ifMatch')})
    AND (:ifNoneMatch IS NULL OR NOT ${isAmong(':ifNoneMatch')})`
}

/** The parameters for it. The part of a tag before its first hyphen is the version. */
export function preconditionParameters({ ifMatch, ifNoneMatch }: Preconditions) {
  return { ifMatch: toVersions(ifMatch), ifNoneMatch: toVersions(ifNoneMatch) }
}

function toVersions(tags: readonly string[] | undefined): string | null {
  return tags ? JSON.stringify(tags.map((tag) => tag.split('-')[0])) : null
}
