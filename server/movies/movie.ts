import { assertClean } from '../http/body.ts'
import { fieldError, HttpError } from '../http/http-error.ts'
import { kindOf, objectWith, parseJson, stringField } from '../http/json.ts'

export interface MovieKey {
  year: number
  title: string
}

/** A movie as it is stored: `info` is a JSON object in text form. */
export interface Movie extends MovieKey {
  info: string
}

const titleLimit = 500
/** As many as a key of DynamoDB. */
export const titleLimitBytes = 1024
const infoLimitBytes = 64 * 1024

/** @throws {HttpError} 400 naming the invalid field */
export function parseMovie(value: unknown): Movie {
  const { year, title, info } = objectWith(value, ['year', 'title', 'info'])
  if (typeof year !== 'number') throw fieldError('year', `must be an integer, got ${kindOf(year)}`)
  return {
    year: assertYear(year),
    title: assertTitle(stringField(title, 'title')),
    info: toInfo(info),
  }
}

/** @throws {HttpError} 400 naming the invalid field */
export function parseKey({ year, title }: { year?: string; title?: string }): MovieKey {
  if (year === undefined) throw fieldError('year', 'is missing')
  if (title === undefined) throw fieldError('title', 'is missing')
  return { year: parseYear(year), title: assertTitle(title) }
}

export function parseYear(text: string): number {
  return assertYear(/^\d+$/.test(text) ? Number(text) : Number.NaN)
}

function assertYear(year: number): number {
  if (Number.isInteger(year) && year >= 1 && year <= 9999) return year
  throw fieldError('year', 'must be an integer from 1 to 9999')
}

function assertTitle(title: string): string {
  assertClean(title, 'The title')
  if (title === '' || [...title].length > titleLimit) {
    throw fieldError('title', `must have 1 to ${titleLimit} characters`)
  }
  if (Buffer.byteLength(title) <= titleLimitBytes) return title
  throw fieldError('title', `must have at most ${titleLimitBytes} bytes in UTF-8`)
}

/** The info as it is stored. @throws {HttpError} 400 */
export function toInfo(info: unknown): string {
  if (typeof info !== 'object' || info === null || Array.isArray(info)) {
    throw fieldError('info', `must be an object, got ${kindOf(info)}`)
  }
  if ('rating' in info && typeof info.rating === 'number') assertRating(info.rating)
  const text = JSON.stringify(info)
  if (Buffer.byteLength(text) <= infoLimitBytes) return text
  throw fieldError('info', `must have at most ${infoLimitBytes} bytes`)
}

/** The info of a movie given as query parameters. */
export function infoOf({ plot, rating }: { plot?: string; rating?: string }): string {
  const info: { plot?: string; rating?: number } = {}
  if (plot !== undefined) {
    assertClean(plot, 'The plot')
    info.plot = plot
  }
  if (rating !== undefined) info.rating = parseRating(rating)
  return toInfo(info)
}

export function parseRating(text: string): number {
  if (/^-?\d{1,6}(\.\d{1,6})?$/.test(text)) return assertRating(Number(text))
  throw fieldError('rating', 'must be a number such as 7.5')
}

function assertRating(rating: number): number {
  if (rating >= 0 && rating <= 10) return rating
  throw fieldError('rating', 'must be a number from 0 to 10')
}

/** @throws {HttpError} 400 naming the line */
export function parseMovieLine(line: string, number: number): Movie {
  try {
    return parseMovie(parseJson(line))
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    throw new HttpError(error.status, `Line ${number}: ${error.message}`, { errors: error.errors })
  }
}

/** The movie as JSON, with its info as stored. */
export function toJson({ year, title, info }: Movie): string {
  return `{"year":${year},"title":${JSON.stringify(title)},"info":${info}}`
}

/** Where the next page starts; opaque to clients. */
export function toCursor({ year, title }: MovieKey): string {
  return Buffer.from(JSON.stringify([year, title])).toString('base64url')
}

/** @throws {HttpError} 400 for anything `toCursor` did not make */
export function fromCursor(cursor: string): MovieKey {
  try {
    const [year, title] = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (toCursor({ year, title }) === cursor)
      return { year: assertYear(year), title: assertTitle(title) }
  } catch {
    // Falls through to the error below.
  }
  throw fieldError('cursor', 'is not valid: take it from "next", or leave it out')
}
