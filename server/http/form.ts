import { assertClean, unsupportedType } from './body.ts'
import { fieldError } from './http-error.ts'
import { type HttpRequest, searchParameters } from './request.ts'

/** The fields of a form by name. */
export type Fields = Readonly<Record<string, string | undefined>>

const formType = 'application/x-www-form-urlencoded'

/** Reads a form; browsers send its line ends as CRLF. @throws {HttpError} 400, 413, 415 or 503 */
export async function readForm(request: HttpRequest): Promise<Fields> {
  const { contentType } = request
  if (contentType !== formType) throw unsupportedType(contentType, formType)
  const fields: Record<string, string> = Object.create(null)
  for (const [name, value] of searchParameters(await request.text())) {
    assertClean(value, 'The form')
    if (fields[name] !== undefined) throw fieldError(name.slice(0, 80), 'appears twice: keep one')
    fields[name] = value.replaceAll('\r\n', '\n')
  }
  return fields
}

/** @throws {HttpError} 400 if the form lacks the field */
export function fieldOf(fields: Fields, name: string): string {
  const value = fields[name]
  if (value === undefined) throw fieldError(name, 'is missing')
  return value
}
