import { STATUS_CODES } from 'node:http'
import { type Answer, fieldsOf } from './client.ts'

/** @throws {Error} with `message` if the condition is false */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

export function expectStatus(answer: Answer, ...wanted: number[]) {
  const { status, what } = answer
  expect(wanted.includes(status), `${what} answers ${status}${reasonOf(answer)}, not ${wanted}`)
}

function reasonOf({ status, headers, text }: Answer): string {
  const { detail } = fieldsOf(text)
  const reason = headers.location ?? detail ?? STATUS_CODES[status]
  return reason === undefined ? '' : ` (${String(reason).slice(0, 200)})`
}

export function expectHeader({ headers, what }: Answer, name: string, wanted: RegExp) {
  const value = String(headers[name] ?? '')
  expect(wanted.test(value), `${what} has ${name}: ${value || 'none'}, not like ${wanted.source}`)
}

/** Errors have one form, RFC 9457's. */
export function expectProblem(answer: Answer, status: number) {
  expectStatus(answer, status)
  expectHeader(answer, 'content-type', /^application\/problem\+json$/)
  const { title, detail, status: stated } = fieldsOf(answer.text)
  const isWhole = stated === status && typeof title === 'string' && typeof detail === 'string'
  expect(isWhole, `${answer.what} gives no title, status and detail: ${answer.text.slice(0, 200)}`)
}

export function quote(text: string): string {
  return JSON.stringify(text)?.slice(0, 120)
}
