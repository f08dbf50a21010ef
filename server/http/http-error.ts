import { STATUS_CODES } from 'node:http'

/** An invalid field of a request, and how to fix it. */
interface FieldError {
  field: string
  detail: string
}

const kind = Symbol.for('onebox.HttpError')

/** An error of the client, answered with its status and detail. Every other error is a bug. */
export class HttpError extends Error {
  readonly [kind] = true
  readonly status: number
  readonly errors: FieldError[] | undefined
  readonly headers: readonly string[]

  /** Also recognizes those of another file of the release, which has a class of its own. */
  static [Symbol.hasInstance](error: unknown): boolean {
    return typeof error === 'object' && error !== null && kind in error
  }

  /** `headers` is a flat list of names and values. */
  constructor(
    status: number,
    detail: string,
    { errors, headers = [] }: { errors?: FieldError[]; headers?: readonly string[] } = {},
  ) {
    super(detail)
    this.status = status
    this.errors = errors
    this.headers = headers
  }

  /** The body of the answer as defined by RFC 9457. */
  toProblem() {
    return {
      type: 'about:blank',
      title: STATUS_CODES[this.status],
      status: this.status,
      detail: this.message,
      errors: this.errors,
    }
  }
}

/** A refusal for now, which says when to try again. */
export function tryLater(status: 429 | 503, detail: string, seconds: number): HttpError {
  return new HttpError(status, detail, { headers: ['Retry-After', String(seconds)] })
}

/** A 400 that names the invalid field. */
export function fieldError(field: string, detail: string): HttpError {
  return new HttpError(400, `${field} ${detail}`, { errors: [{ field, detail }] })
}
