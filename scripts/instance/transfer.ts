import { Transform } from 'node:stream'
import { createProgress } from '../terminal/progress.ts'

/** Lets bytes through, and where they are many shows how many of them. */
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
