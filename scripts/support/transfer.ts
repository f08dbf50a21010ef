import { Transform } from 'node:stream'
import { createProgress } from './progress.ts'

/** Lets bytes through, shows how many, and of how many. */
export function createMeter(totalBytes: number): Transform {
  const progress = createProgress('MB')
  let bytes = 0
  return new Transform({
    transform(chunk, _, done) {
      bytes += chunk.length
      progress.update(bytes / 1e6, totalBytes === 0 ? 1 : bytes / totalBytes)
      done(null, chunk)
    },
    flush(done) {
      progress.end()
      done()
    },
    destroy(error, done) {
      progress.end()
      done(error)
    },
  })
}
