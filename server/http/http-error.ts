import { STATUS_CODES } from 'node:http'

/** One field of a request that is wrong, and how to mend it. */
export interface FieldError {
  field: string
  detail: string
}

/** An error of the client's making: answered with its status and explained. Every other error is a bug. */
export class HttpError extends Error {
  readonly status: number
  readonly errors: FieldError[] | undefined
  readonly headers: readonly string[]

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

  /** The body of the answer, as RFC 9457 has it. */
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

/** A 400 that names the field at fault. */
export function fieldError(field: string, detail: string): HttpError {
  return new HttpError(400, `${field} ${detail}`, { errors: [{ field, detail }] })
}
