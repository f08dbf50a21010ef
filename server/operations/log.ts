import { write } from 'node:fs'
import type { LogLevel } from '../config.ts'

export interface Log {
  info: (entry: Record<string, unknown>) => void
  error: (entry: Record<string, unknown>) => void
  /** Lines lost because the reader of the log was too slow. */
  dropped: () => number
  /** Resolves once everything is written. */
  flush: () => Promise<void>
}

const flushMs = 100
const chunkBytes = 64 * 1024
const bufferLimitBytes = 4 * 2 ** 20

/**
 * JSON lines to a file descriptor, gathered and written off the main thread. They go past
 * `process.stdout`, which pm2 replaces to send every line through its primary process.
 */
export function createLog({ level, fd = 1 }: { level: LogLevel; fd?: number }): Log {
  let buffer = ''
  let dropped = 0
  let writing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  return {
    info: level === 'info' ? (entry) => add('info', entry) : () => {},
    error: (entry) => add('error', entry),
    dropped: () => dropped,
    flush,
  }

  function add(kind: LogLevel, entry: Record<string, unknown>) {
    if (buffer.length > bufferLimitBytes) {
      dropped += 1
      return
    }
    buffer += `${JSON.stringify({ time: new Date(), level: kind, ...entry })}\n`
    if (buffer.length > chunkBytes) flush()
    else timer ??= setTimeout(flush, flushMs)
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    writing ??= drain().finally(() => {
      writing = undefined
    })
    return writing
  }

  async function drain() {
    while (buffer !== '') {
      const chunk = Buffer.from(buffer)
      buffer = ''
      await writeAll(fd, chunk)
    }
  }
}

async function writeAll(fd: number, chunk: Buffer) {
  for (let offset = 0; offset < chunk.length; ) offset += await writeSome(fd, chunk, offset)
}

/** A pipe that is full says EAGAIN; one that nobody reads any more swallows the rest. */
function writeSome(fd: number, chunk: Buffer, offset: number): Promise<number> {
  return new Promise((resolve) => {
    write(fd, chunk, offset, (error, written) => {
      if (!error) resolve(written)
      else if (error.code === 'EAGAIN') setTimeout(resolve, 10, 0)
      else resolve(chunk.length)
    })
  })
}
