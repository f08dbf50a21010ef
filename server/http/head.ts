import {
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http'
import type { Reply } from './reply.ts'

/** A flat list of names and values. */
type Headers = readonly string[]

/** What makes Node decide anew whether a connection stays open. */
const special = /^(connection|date|expect|keep-alive|trailer|transfer-encoding)$/i

/**
 * Makes the function that writes the head of an answer: the headers of its reply, which many answers
 * share, and its own.
 *
 * Node checks and joins all headers of every answer, which takes a tenth of a GET. So the usual head is
 * text made here, whose shared part is kept. Node takes it from a property that it does not document: if
 * it no longer did, `headersSent` would be false, and Node would write the head.
 */
export function createHeadWriter(keepAliveTimeoutMs: number) {
  const timeout = Math.floor(keepAliveTimeoutMs / 1000)
  const end = `Connection: keep-alive\r\nKeep-Alive: timeout=${timeout}\r\n\r\n`
  const texts = new WeakMap<Headers, string | null>()

  return function writeHead(response: ServerResponse, { status, headers }: Reply, own: Headers) {
    const shared = textOf(headers)
    if (shared !== null && isUsual(response.req, status, own)) {
      const start = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${shared}${toText(own)}`
      response.statusCode = status
      setHead(response, `${start}Date: ${date()}\r\n${end}`)
    }
    if (!response.headersSent) response.writeHead(status, [...headers, ...own])
  }

  function textOf(headers: Headers): string | null {
    const known = texts.get(headers)
    if (known !== undefined) return known
    const isSpecial = headers.some((text, index) => index % 2 === 0 && special.test(text))
    const text = isSpecial ? null : toText(headers)
    texts.set(headers, text)
    return text
  }
}

/** Whether the answer has a known end, and its connection stays open, as nearly always. */
function isUsual({ httpVersion, headers }: IncomingMessage, status: number, own: Headers): boolean {
  const { connection = 'keep-alive', expect } = headers
  const isDelimited = own.includes('Content-Length') || status === 204 || status === 304
  const staysOpen = connection === 'keep-alive' && !own.includes('Connection')
  return httpVersion === '1.1' && expect === undefined && isDelimited && staysOpen
}

function setHead(response: ServerResponse, head: string) {
  const outgoing = response as { _header?: string }
  outgoing._header = head
}

/** @throws {TypeError} for a header that would end before its value does */
function toText(headers: Headers): string {
  let text = ''
  for (let index = 0; index < headers.length; index += 2) {
    const [name, value] = [headers[index] as string, headers[index + 1] as string]
    validateHeaderName(name)
    validateHeaderValue(name, value)
    text += `${name}: ${value}\r\n`
  }
  return text
}

let second = 0
let dateText = ''

/** The time in the format of HTTP, made once a second. */
function date(): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) dateText = new Date(1000 * now).toUTCString()
  second = now
  return dateText
}
