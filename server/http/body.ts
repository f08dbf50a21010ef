import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'
import { waitForTurn } from './turns.ts'

const discardMs = 1000
const chunksATurn = 1000
const nothing = Buffer.alloc(0)
// Removes a byte order mark at the start, as editors add one.
const decoder = new TextDecoder('utf-8', { fatal: true })

interface BodyOptions {
  limitBytes: number
  /** Counts bytes against a budget. @throws {HttpError} 503 when that is used up */
  hold: (bytes: number) => void
  /** Asks a waiting client for its body. */
  sendContinue: () => void
}

/** The media type in lower case, or '' without one. */
export function contentTypeOf({ headers }: IncomingMessage): string {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';')
  const charset = parameters
    .map((text) => text.trim().toLowerCase())
    .find((p) => p.startsWith('charset='))
  if (charset && !/^charset="?utf-?8"?$/.test(charset)) {
    throw new HttpError(415, `${charset} is not supported: send UTF-8`)
  }
  return type.trim().toLowerCase()
}

export function unsupportedType(type: string, supported: string): HttpError {
  const got = type === '' ? 'no Content-Type' : `"${type.slice(0, 80)}"`
  return new HttpError(415, `The Content-Type must be ${supported}: got ${got}`, {
    headers: ['Accept', supported],
  })
}

/** @throws {HttpError} 400 if the body is not valid UTF-8, 413 if it is over `limitBytes` */
export async function readText(incoming: IncomingMessage, options: BodyOptions): Promise<string> {
  return decodeText(await readBody(incoming, options))
}

function decodeText(body: Buffer): string {
  try {
    return decoder.decode(body)
  } catch {
    throw new HttpError(400, 'The body is not valid UTF-8: encode it as UTF-8')
  }
}

/** @throws {HttpError} 400 for text that a database or a page cannot represent */
export function assertClean(text: string, what: string) {
  if (text.includes('\0')) throw new HttpError(400, `${what} contains a NUL character: remove it`)
  if (!text.isWellFormed()) {
    throw new HttpError(400, `${what} contains an unpaired surrogate: send whole characters`)
  }
}

async function readBody(incoming: IncomingMessage, options: BodyOptions): Promise<Buffer> {
  assertWhole(incoming)
  if (!hasBody(incoming)) return nothing
  const lengthBytes = Number(incoming.headers['content-length'] ?? 0)
  if (lengthBytes > options.limitBytes) throw tooLarge(options.limitBytes)
  if (expectsContinue(incoming)) options.sendContinue()
  return collect(incoming, options)
}

/** @throws {HttpError} for a compressed or partial body (RFC 9110, 8.4 and 14.5) */
function assertWhole({ headers }: IncomingMessage) {
  const encoding = headers['content-encoding'] || 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    const detail = `The Content-Encoding ${encoding.slice(0, 80)} is not supported: send the body uncompressed`
    throw new HttpError(415, detail, { headers: ['Accept-Encoding', 'identity'] })
  }
  if (headers['content-range'] !== undefined) {
    throw new HttpError(400, 'Content-Range is not supported: send the whole body without it')
  }
}

function collect(incoming: IncomingMessage, { limitBytes, hold }: BodyOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let body: Buffer = nothing
    let length = 0
    let chunks = 0
    incoming.on('data', take)
    incoming.on('end', () => resolve(body.subarray(0, length)))
    incoming.on('error', () => reject(truncated()))
    incoming.on('close', () => {
      // Closing follows the end, too, where an error would only cost its stack.
      if (!incoming.readableEnded) reject(truncated())
    })

    function take(chunk: Buffer) {
      chunks += 1
      if (chunks % chunksATurn === 0) waitForTurn(incoming)
      try {
        append(chunk)
      } catch (error) {
        incoming.off('data', take)
        reject(error)
      }
    }

    // A single chunk is kept as is. More are copied into one buffer, as thousands of tiny ones would
    // take many times the memory of their content.
    function append(chunk: Buffer) {
      const needed = length + chunk.length
      if (needed > limitBytes) throw tooLarge(limitBytes)
      if (needed > body.length) {
        const capacity = length === 0 ? needed : Math.min(2 * needed, limitBytes)
        hold(capacity - body.length)
        body = length === 0 ? chunk : enlarge(body, capacity)
      }
      if (length > 0) chunk.copy(body, length)
      length = needed
    }
  })
}

function enlarge(bytes: Buffer, capacity: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(capacity)
  bytes.copy(larger)
  return larger
}

function truncated(): HttpError {
  return new HttpError(400, 'The body ended before it was complete: send it again')
}

function tooLarge(limitBytes: number): HttpError {
  return new HttpError(413, `The body is larger than ${limitBytes} bytes: send less`, {
    headers: ['Connection', 'close'],
  })
}

/** Whether the client waits for a 100 before it sends its body (RFC 9110, 10.1.1). */
export function expectsContinue({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== '1.0' && headers.expect?.toLowerCase() === '100-continue'
}

/** Whether the request has a body; without a length or chunks there is none (RFC 9112, 6.3). */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** Whether there is a body that has not been read to its end. */
export function hasUnreadBody(incoming: IncomingMessage): boolean {
  return !incoming.readableEnded && hasBody(incoming)
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
