import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Reply } from './reply.ts'

const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }
const compressors = {
  br: (body: string) => promisify(brotliCompress)(body, quality),
  gzip: (body: string) => promisify(gzip)(body),
}

export type Encoding = keyof typeof compressors

const threshold = 1024
const done = new WeakMap<Reply, Partial<Record<Encoding, Promise<Buffer>>>>()

export function isCompressible({ body }: Reply): boolean {
  return body !== undefined && body.length > threshold
}

/** The encoding of the answer, if any: br before gzip, and none for short bodies. */
export function chooseEncoding({ headers }: IncomingMessage, reply: Reply): Encoding | undefined {
  const accept = headers['accept-encoding']
  if (typeof accept !== 'string' || !isCompressible(reply)) return undefined
  if (accepts(accept, 'br')) return 'br'
  return accepts(accept, 'gzip') ? 'gzip' : undefined
}

function accepts(header: string, encoding: Encoding): boolean {
  return header.split(',').some((part) => {
    const [name = '', ...parameters] = part.toLowerCase().split(';')
    return name.trim() === encoding && !parameters.some((text) => /^\s*q=0(\.0*)?\s*$/.test(text))
  })
}

/** Compresses off the main thread, and only once for a reply that is sent again. */
export function compress(reply: Reply, encoding: Encoding): Promise<Buffer> {
  const known = done.get(reply) ?? {}
  done.set(reply, known)
  known[encoding] ??= compressors[encoding](reply.body as string)
  return known[encoding]
}
