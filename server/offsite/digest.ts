import { createHash } from 'node:crypto'
import { Transform, type TransformCallback } from 'node:stream'

/** Passes bytes through, counts them and computes their SHA-256. */
export class Digest extends Transform {
  readonly #hash = createHash('sha256')
  readonly #limitBytes: number
  bytes = 0

  constructor(limitBytes = Infinity) {
    super()
    this.#limitBytes = limitBytes
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback) {
    this.#hash.update(chunk)
    this.bytes += chunk.length
    if (this.bytes > this.#limitBytes) done(new Error('there is more than expected'))
    else done(null, chunk)
  }

  /** Once everything has passed. */
  sha256(): string {
    return this.#hash.digest('hex')
  }
}
