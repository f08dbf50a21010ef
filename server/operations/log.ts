import { fstatSync, write } from 'node:fs'
import type { Outcome } from '../http/listener.ts'
import type { LogLevel } from '../settings.ts'

export interface Log {
  /** An answered request; the hot path, so its line is formatted by hand. */
  request: (outcome: Outcome) => void
  info: (entry: Record<string, unknown>) => void
  error: (entry: Record<string, unknown>) => void
  /** Lines dropped because the log was read too slowly. */
  dropped: () => number
  /** Resolves once everything is written. */
  flush: () => Promise<void>
}

interface LogOptions {
  level: LogLevel
  worker?: string
  /** The file descriptor to write to. */
  fd?: number
  /** Whether systemd's journal reads it: each line then starts with its priority. */
  journal?: boolean
}

const flushMs = 100
// All workers write to one socket of the journal, and Linux keeps a write of up to 32 KiB in one
// piece: beyond that, one worker's lines end up in the middle of another's.
const chunkBytes = 32 * 1024
const chunkLimit = 128
// The rest is for errors once requests have filled theirs.
const errorChunkLimit = chunkLimit + 32

/**
 * Writes JSON lines to a file descriptor, buffered and off the main thread. They bypass
 * `process.stdout`, which pm2 replaces to send every line through its primary process.
 */
export function createLog({ level, worker = '0', fd = 1, journal = false }: LogOptions): Log {
  const marks = marksFor(journal && fstatSync(fd).isSocket())
  let chunk: Buffer = Buffer.allocUnsafeSlow(chunkBytes)
  let length = 0
  let spare: Buffer | undefined
  const full: Buffer[] = []
  let dropped = 0
  let writing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  return {
    request:
      level === 'info'
        ? (outcome) => addLine(marks.info + requestLine(outcome), chunkLimit)
        : () => {},
    info: level === 'info' ? (entry) => add('info', entry) : () => {},
    error: (entry) => add('error', entry),
    dropped: () => dropped,
    flush,
  }

  function add(kind: LogLevel, entry: Record<string, unknown>) {
    const text = JSON.stringify({ time: now(), level: kind, worker, ...entry })
    addLine(marks[kind] + toAscii(text), kind === 'error' ? errorChunkLimit : chunkLimit)
  }

  // Only the id comes from outside, and the listener allows no character in it that needs escaping.
  function requestLine({ id, traceparent, method, route, status, durationMs, address }: Outcome) {
    const trace = traceparent ? `,"traceparent":"${traceparent}"` : ''
    return `{"time":"${now()}","level":"info","worker":"${worker}","id":"${id}","method":"${method}","route":"${route}","status":${status},"us":${Math.round(durationMs * 1000)},"address":"${address}"${trace}}`
  }

  // Each line is copied at once, as strings kept until the flush would burden the garbage collector.
  function addLine(line: string, limit: number) {
    const text = `${line.slice(0, chunkBytes - 1)}\n`
    if (length + text.length > chunkBytes) {
      seal()
      flush()
    }
    if (full.length > limit) {
      dropped += 1
      return
    }
    length += chunk.write(text, length, 'latin1')
    timer ??= setTimeout(flush, flushMs)
  }

  function seal() {
    full.push(chunk.subarray(0, length))
    chunk = spare ?? Buffer.allocUnsafeSlow(chunkBytes)
    spare = undefined
    length = 0
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
    for (;;) {
      if (full.length === 0 && length > 0) seal()
      const next = full[0]
      if (next === undefined) return
      for (let rest = next; rest.length > 0; ) rest = rest.subarray(await writeSome(fd, rest))
      full.shift()
      spare = Buffer.from(next.buffer)
    }
  }
}

/**
 * The journal accepts a burst of lines from a service and drops the rest, but counts each priority
 * separately: with priorities, a burst of requests does not cost errors. See sd-daemon(3).
 */
function marksFor(journal: boolean): Record<LogLevel, string> {
  return journal ? { error: '<3>', info: '<6>' } : { error: '', info: '' }
}

/** Escapes what is not ASCII, so that a character is a byte. */
function toAscii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

let nowMs = 0
let nowText = ''

/** The time in ISO 8601, formatted once per millisecond. */
function now(): string {
  const ms = Date.now()
  if (ms !== nowMs) nowText = new Date(ms).toISOString()
  nowMs = ms
  return nowText
}

/** A full pipe fails with EAGAIN; lines for one that nobody reads are dropped. */
function writeSome(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve) => {
    write(fd, bytes, (error, written) => {
      if (!error) resolve(written)
      else if (error.code === 'EAGAIN') setTimeout(resolve, 10, 0)
      else resolve(bytes.length)
    })
  })
}
