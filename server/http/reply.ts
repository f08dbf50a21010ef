import type { ServerResponse } from 'node:http'
import type { HttpError } from './http-error.ts'

/** What a handler answers; the listener alone writes it to the wire. */
export interface Reply {
  status: number
  /** A flat list of names and values, without Content-Length and ETag. */
  headers: readonly string[]
  body?: string
  /** The entity tag without its quotes; makes the reply conditional (304). */
  etag?: string
  /** Takes the response over once its head is sent, for answers that go on. */
  stream?: (response: ServerResponse) => void
}

const jsonHeaders = ['Content-Type', 'application/json; charset=utf-8', 'Cache-Control', 'no-store']
const textHeaders = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store']
const problemHeaders = ['Content-Type', 'application/problem+json', 'Cache-Control', 'no-store']

export function json(status: number, value: unknown, headers: readonly string[] = []): Reply {
  return jsonText(status, JSON.stringify(value), headers)
}

/** For JSON that is text already. */
export function jsonText(status: number, text: string, headers: readonly string[] = []): Reply {
  return { status, headers: [...jsonHeaders, ...headers], body: text }
}

export function text(status: number, body: string): Reply {
  return { status, headers: textHeaders, body }
}

export function empty(status: number, headers: readonly string[] = []): Reply {
  return { status, headers }
}

export function problem(error: HttpError): Reply {
  const body = JSON.stringify(error.toProblem())
  return { status: error.status, headers: [...problemHeaders, ...error.headers], body }
}
