import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { HttpError } from './http-error.ts'

interface ClientError extends NodeJS.ErrnoException {
  /** The bytes being parsed, and how many of them are valid. */
  rawPacket?: Buffer
  bytesParsed?: number
}

/** Answers input that is not a valid request: garbage, huge headers, a timeout. */
export function answerClientError(error: ClientError, socket: Socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy()
  const pending = answerUnderWay(socket)
  if (pending?.headersSent) return socket.destroy()
  // The error comes after a complete request, whose answer goes out first and is the last.
  if (pending?.req.complete) return pending.once('close', () => socket.destroy())
  endWith(problemOf(error), socket)
}

/** Node hands over the raw connection, as for a tunnel. */
export function refuseTunnel(_request: IncomingMessage, socket: Duplex) {
  socket.on('error', () => {})
  endWith(new HttpError(501, 'CONNECT is not supported: this server is not a proxy'), socket)
}

function endWith(problem: HttpError, socket: Duplex) {
  const body = JSON.stringify(problem.toProblem())
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Date: ${new Date().toUTCString()}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/** The answer in progress on this connection; Node's own handler reads it here as well. */
function answerUnderWay(socket: Socket): ServerResponse | null | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage
}

function problemOf(error: ClientError): HttpError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      if (/^[A-Z]+ /.test(lineOf(error))) {
        return new HttpError(414, 'The request target is too long: send a shorter path or query')
      }
      return new HttpError(431, 'The request headers are too large: send fewer or shorter headers')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpError(413, 'The chunk extensions are too large: leave them out')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError(408, 'The request took too long to arrive: send it again')
    case 'HPE_INVALID_METHOD':
      if (/^[\w!#$%&'*+.^`|~-]+ \S+ HTTP\/1\.\d\r?$/.test(lineOf(error))) {
        return new HttpError(501, 'Unknown method: OPTIONS lists the methods of a path')
      }
      break
    case 'HPE_INVALID_VERSION':
      if (/ HTTP\/\d\.\d\r$/.test(lineOf(error))) return unsupportedVersion()
      break
    case 'HPE_PAUSED_H2_UPGRADE':
      return unsupportedVersion()
  }
  return new HttpError(400, 'This is not a valid HTTP/1.1 request')
}

function unsupportedVersion(): HttpError {
  return new HttpError(505, 'This version of HTTP is not supported: send HTTP/1.1')
}

/** The line in which the parser stopped, as far as it has arrived. */
function lineOf({ rawPacket, bytesParsed = 0 }: ClientError): string {
  const text = rawPacket?.toString('latin1') ?? ''
  const start = bytesParsed === 0 ? 0 : text.lastIndexOf('\n', bytesParsed - 1) + 1
  return text.slice(start).split('\n', 1)[0] as string
}
