import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const compressors = {
  br: (body: Buffer) =>
    promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (body: Buffer) => promisify(gzip)(body),
}

export type Encoding = keyof typeof compressors

const thresholdBytes = 1024
const done = new WeakMap<Buffer, Partial<Record<Encoding, Promise<Buffer>>>>()

export function isCompressible(body: Buffer | undefined): boolean {
  return body !== undefined && body.length > thresholdBytes
}

/** The encoding to answer with, if any: br before gzip, and none for short bodies. */
export function chooseEncoding(accept: string | undefined, body: Buffer): Encoding | undefined {
  if (accept === undefined || !isCompressible(body)) return undefined
  if (accepts(accept, 'br')) return 'br'
  return accepts(accept, 'gzip') ? 'gzip' : undefined
}

function accepts(header: string, encoding: Encoding): boolean {
  return header.split(',').some((part) => {
    const [name = '', ...parameters] = part.toLowerCase().split(';')
    return name.trim() === encoding && !parameters.some((text) => /^\s*q=0(\.0*)?\s*$/.test(text))
  })
}

/** Compresses off the main thread; a body that is answered again is compressed once. */
export function compress(body: Buffer, encoding: Encoding): Promise<Buffer> {
  const known = done.get(body) ?? {}
  done.set(body, known)
  known[encoding] ??= compressors[encoding](body)
  return known[encoding]
}
