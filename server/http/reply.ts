import { hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { HttpError } from './http-error.ts'

/** Bytes, or a string with a character for each of them. */
export type WireBody = string | Buffer

/** What a handler answers; the listener alone writes it to the wire. */
export interface Reply {
  status: number
  /** A flat list of names and values, without Content-Length and ETag. */
  headers: readonly string[]
  body?: string
  /** The body as `wireOf` has made it. */
  wire?: WireBody
  /** The entity tag without its quotes; makes the reply conditional (304). */
  etag?: string
  /** Takes the response over once its head is sent, for answers that go on. */
  stream?: ((response: ServerResponse) => void) | undefined
}

const jsonHeaders = ['Content-Type', 'application/json; charset=utf-8', 'Cache-Control', 'no-store']
const textHeaders = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store']
const problemHeaders = [
  ...['Content-Type', 'application/problem+json'],
  ...['Cache-Control', 'no-store'],
  ...['Vary', 'Accept'],
]

// Node writes head and body at once from its stack while they stay below 16 KiB.
const smallBytes = 12 * 1024

/** Whether a body is small enough to go out together with its head. */
export function isSmall(body: WireBody): boolean {
  return body.length <= smallBytes
}

/**
 * The bytes of the body. A small one comes as a string, which Node sends together with the head;
 * kept, as many replies are given again.
 */
export function wireOf(reply: Reply): WireBody | undefined {
  if (reply.body === undefined) return undefined
  reply.wire ??= toWire(Buffer.from(reply.body))
  return reply.wire
}

function toWire(bytes: Buffer): WireBody {
  return isSmall(bytes) ? bytes.toString('latin1') : bytes
}

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

/** A reply that stays the same for as long as the process lives. */
export function fixed(body: string, headers: readonly string[]): Reply {
  return { status: 200, headers, body, etag: hash('sha256', body, 'hex').slice(0, 16) }
}

/** The script of a page. */
export function script(source: string): Reply {
  return fixed(compact(source), [
    ...['Content-Type', 'text/javascript; charset=utf-8'],
    ...['Cache-Control', 'no-cache'],
  ])
}

/** Drops indentation and lines of comment. */
function compact(source: string): string {
  return source.replace(/^\s*(\/\/.*|\/\*\*.*\*\/)?\s*/gm, '')
}

export function empty(status: number, headers: readonly string[] = []): Reply {
  return { status, headers }
}

/** The same without its body, for clients that have it already. */
export function notModified(reply: Reply): Reply {
  const at = reply.headers.indexOf('Content-Type')
  const headers = at < 0 ? reply.headers : reply.headers.toSpliced(at, 2)
  return { ...reply, status: 304, headers, stream: undefined }
}

export function problem(error: HttpError): Reply {
  const body = JSON.stringify(error.toProblem())
  return { status: error.status, headers: [...problemHeaders, ...error.headers], body }
}
