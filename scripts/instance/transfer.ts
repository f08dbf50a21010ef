import { Transform } from 'node:stream'
import { createProgress } from '../terminal/progress.ts'

/** Passes bytes through; shows progress if there is more than a megabyte of them. */
export function createMeter(totalBytes: number): Transform {
  const progress = totalBytes < 1e6 ? undefined : createProgress('MB')
  let bytes = 0
  return new Transform({
    transform(chunk, _, done) {
      bytes += chunk.length
      progress?.update(bytes / 1e6, bytes / totalBytes)
      done(null, chunk)
    },
    flush(done) {
      progress?.end()
      done()
    },
    destroy(error, done) {
      progress?.end()
      done(error)
    },
  })
}
