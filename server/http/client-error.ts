import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { HttpError } from './http-error.ts'

/** Answers what never became a request: garbage, huge headers, a head or body that took too long. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy()
  const pending = answerUnderWay(socket)
  if (pending?.headersSent) return socket.destroy()
  // What is wrong comes behind a whole request, whose own answer goes first and is the last.
  if (pending?.req.complete) return pending.once('close', () => socket.destroy())
  const problem = problemOf(error.code)
  const body = JSON.stringify(problem.toProblem())
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/** The answer that has still to be given on this connection; Node's own handler looks here, too. */
function answerUnderWay(socket: Socket): ServerResponse | null | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage
}

function problemOf(code: string | undefined): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new HttpError(431, 'The head of the request is too large: send fewer or shorter headers')
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new HttpError(408, 'The request took too long to arrive: send it again')
  }
  return new HttpError(400, 'This is not a valid HTTP/1.1 request')
}
