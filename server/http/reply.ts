import { hash } from 'node:crypto'
import type { Writable } from 'node:stream'
import type { HttpError } from './http-error.ts'

/** Bytes, or a string with one character per byte. */
export type WireBody = string | Buffer

/** The answer of a handler, which only the listener writes to the connection. */
export interface Reply {
  status: number
  /** A flat list of names and values, without Content-Length and ETag. */
  headers: readonly string[]
  body?: string
  /** The body as encoded by `wireOf`. */
  wire?: WireBody
  /** The entity tag without its quotes; makes the reply conditional (304). */
  etag?: string | undefined
  /** Takes over the response once its head is sent, for answers that go on. */
  stream?: ((response: Writable) => void) | undefined
}

/** What a JSON reply may have beyond its status and body. */
type More = Partial<Pick<Reply, 'headers' | 'etag'>>

const noHeaders: readonly string[] = []
const jsonHeaders = headersOf('application/json; charset=utf-8', 'no-store')
const textHeaders = headersOf('text/plain; charset=utf-8', 'no-store')
const problemHeaders = [...headersOf('application/problem+json', 'no-store'), 'Vary', 'Accept']

// Node writes head and body in one call, from its stack, if they stay below 16 KiB.
const smallBytes = 12 * 1024

/** Whether a body is small enough to be sent together with its head. */
export function isSmall(body: WireBody): boolean {
  return body.length <= smallBytes
}

/**
 * The bytes of the body. A small one is a string, which Node sends together with the head. Kept, as
 * many replies are sent again.
 */
export function wireOf(reply: Reply): WireBody | undefined {
  if (reply.body === undefined) return undefined
  reply.wire ??= toWire(Buffer.from(reply.body))
  return reply.wire
}

function toWire(bytes: Buffer): WireBody {
  return isSmall(bytes) ? bytes.toString('latin1') : bytes
}

/** With no-cache, a copy may be kept but must be checked before each use. */
export function headersOf(type: string, caching: 'no-cache' | 'no-store'): string[] {
  return ['Content-Type', type, 'Cache-Control', caching]
}

export function json(status: number, value: unknown, more: More = {}): Reply {
  return jsonText(status, JSON.stringify(value), more)
}

/** For JSON that is already text. */
export function jsonText(status: number, text: string, { headers, etag }: More = {}): Reply {
  return { status, headers: headers ? [...jsonHeaders, ...headers] : jsonHeaders, body: text, etag }
}

export function text(status: number, body: string): Reply {
  return { status, headers: textHeaders, body }
}

/** A reply that never changes. */
export function fixed(body: string, headers: readonly string[]): Reply {
  return { status: 200, headers, body, etag: hash('sha256', body, 'hex').slice(0, 16) }
}

/** The script of a page. */
export function script(source: string): Reply {
  return fixed(compact(source), headersOf('text/javascript; charset=utf-8', 'no-cache'))
}

/** Drops indentation and lines of comment. */
function compact(source: string): string {
  return source.replace(/^\s*(\/\/.*|\/\*\*.*\*\/)?\s*/gm, '')
}

export function empty(status: number, headers: readonly string[] = noHeaders): Reply {
  return { status, headers }
}

/** Sends a browser to another path after a form. */
export function seeOther(path: string): Reply {
  return { status: 303, headers: ['Location', path, 'Cache-Control', 'no-store'], body: '' }
}

/** The same reply without its body, for clients with a current copy. */
export function notModified(reply: Reply): Reply {
  const at = reply.headers.indexOf('Content-Type')
  const headers = at < 0 ? reply.headers : reply.headers.toSpliced(at, 2)
  return { ...reply, status: 304, headers, stream: undefined }
}

export function problem(error: HttpError): Reply {
  const body = JSON.stringify(error.toProblem())
  return { status: error.status, headers: [...problemHeaders, ...error.headers], body }
}
