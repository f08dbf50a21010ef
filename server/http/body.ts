import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'
import type { HttpRequest } from './request.ts'

const discardMs = 1000
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The media type in lower case, or '' where the client named none. */
export function contentType(request: HttpRequest): string {
  const [type = '', ...parameters] = (request.header('content-type') ?? '').split(';')
  const charset = parameters
    .map((text) => text.trim().toLowerCase())
    .find((p) => p.startsWith('charset='))
  if (charset && !/^charset="?utf-?8"?$/.test(charset)) {
    throw new HttpError(415, `The ${charset} is not supported: send UTF-8`)
  }
  return type.trim().toLowerCase()
}

export function unsupportedType(type: string, supported: string): HttpError {
  const got = type === '' ? 'no Content-Type' : `"${type.slice(0, 80)}"`
  return new HttpError(415, `The Content-Type must be ${supported}: got ${got}`, {
    headers: ['Accept', supported],
  })
}

/** @throws {HttpError} 400 where the body is not clean UTF-8, 413 where it is over `limitBytes` */
export async function readText(request: HttpRequest, limitBytes: number): Promise<string> {
  return decodeText(await readBody(request, limitBytes))
}

function decodeText(body: Buffer): string {
  let text: string
  try {
    text = decoder.decode(body)
  } catch {
    throw new HttpError(400, 'The body is not valid UTF-8: save or send it as UTF-8')
  }
  if (text.startsWith('\ufeff')) {
    throw new HttpError(400, 'The body begins with a byte order mark: save it without one')
  }
  return text
}

/** @throws {HttpError} 400 for what a database or a page cannot hold faithfully */
export function assertClean(text: string, what: string) {
  if (text.includes('\0')) throw new HttpError(400, `${what} holds a NUL character: remove it`)
  if (!text.isWellFormed()) {
    throw new HttpError(400, `${what} holds half of a surrogate pair: send whole characters`)
  }
}

async function readBody(request: HttpRequest, limitBytes: number): Promise<Buffer> {
  const { incoming } = request
  const encoding = request.header('content-encoding') ?? 'identity'
  if (encoding !== 'identity') {
    throw new HttpError(
      415,
      `The Content-Encoding ${encoding.slice(0, 80)} is not supported: send it plain`,
    )
  }
  if (Number(incoming.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes)
  if (expectsContinue(incoming)) request.response.writeContinue()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    incoming.on('data', take)
    incoming.on('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
    )
    incoming.on('error', () => reject(truncated()))
    incoming.on('close', () => reject(truncated()))

    function take(chunk: Buffer) {
      length += chunk.length
      try {
        if (length > limitBytes) throw tooLarge(limitBytes)
        request.hold(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        incoming.off('data', take)
        reject(error)
      }
    }
  })
}

function truncated(): HttpError {
  return new HttpError(400, 'The body ended before it was complete: send it again')
}

function tooLarge(limitBytes: number): HttpError {
  return new HttpError(413, `The body is larger than ${limitBytes} bytes: send less`, {
    headers: ['Connection', 'close'],
  })
}

/** Whether the client waits for a sign before it sends its body (RFC 9110, 10.1.1). */
export function expectsContinue({ headers }: IncomingMessage): boolean {
  return headers.expect?.toLowerCase() === '100-continue'
}

/** Whether there is a body on its way that nobody has read to its end. */
export function hasUnreadBody({ headers, readableEnded }: IncomingMessage): boolean {
  if (readableEnded) return false
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** Reads a refused body for a moment, as a client that is still sending would miss the answer. */
export async function discardBody(incoming: IncomingMessage) {
  if (expectsContinue(incoming)) return
  const patience = setTimeout(() => incoming.emit('tired'), discardMs)
  incoming.resume()
  await Promise.race(['end', 'close', 'tired'].map((event) => once(incoming, event))).catch(
    () => {},
  )
  clearTimeout(patience)
}
