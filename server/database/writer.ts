import { once } from 'node:events'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { HttpError, tryLater } from '../http/http-error.ts'
import { movingMessage } from './moving.ts'
import type { Failure, Result, Row, Write, WriterData } from './writer-thread.ts'

// The release bundles it apart, as the thread needs little of the server.
const threadFile = join(import.meta.dirname, `writer-thread${extname(import.meta.filename)}`)

interface Waiting {
  write: Write
  resolve: (rows: Row[]) => void
  reject: (error: Error) => void
}

/**
 * Durable writes with group commit. A separate thread waits for the disk; all writes that arrive
 * meanwhile share the next transaction and its fsync. Promises resolve only after the fsync.
 */
export class Writer {
  readonly #thread: Worker
  readonly #queueLimit: number
  #queue: Waiting[] = []
  #committing: Waiting[] = []
  #scheduled = false
  #startedAt = 0
  #closed: Error | undefined
  /** Totals since the start, for /metrics. */
  readonly totals = { writes: 0, commits: 0, commitSeconds: 0 }

  constructor(data: WriterData, queueLimit: number) {
    this.#queueLimit = queueLimit
    this.#thread = new Worker(threadFile, {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    })
    // Under `node --watch`, Node sends the names of loaded modules the same way.
    this.#thread.on('message', (message: Result[] | object) => {
      if (Array.isArray(message)) this.#settle(message)
    })
    this.#thread.on('error', (error) => this.#fail(error as Error))
    this.#thread.on('exit', () => this.#fail(new Error('The writer thread has ended')))
  }

  get queueLength(): number {
    return this.#queue.length + this.#committing.length
  }

  /**
   * Runs a statement durably and returns the rows that it RETURNs.
   * @throws {HttpError} 503 if too many writes wait, 507 if the disk is full
   */
  run(sql: string, parameters: Record<string, unknown> = {}): Promise<Row[]> {
    return this.runAll(sql, [parameters])
  }

  /** The same for many sets of parameters, all or none. */
  runAll(sql: string, parameterSets: Record<string, unknown>[]): Promise<Row[]> {
    if (this.#closed) return Promise.reject(this.#closed)
    if (this.queueLength >= this.#queueLimit) return Promise.reject(queueFull())
    return new Promise((resolve, reject) => {
      this.#queue.push({ write: { sql, parameterSets }, resolve, reject })
      this.#schedule()
    })
  }

  /** Waits for accepted writes, then closes the database. */
  async close() {
    while (this.queueLength > 0) await once(this.#thread, 'message')
    this.#closed = new Error('The database is closed')
    this.#thread.postMessage('close')
    await once(this.#thread, 'exit')
  }

  // At the end of the turn, so that writes that arrived together share a commit.
  #schedule() {
    if (this.#scheduled || this.#committing.length > 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#commit()
    })
  }

  #commit() {
    this.#committing = this.#queue
    this.#queue = []
    this.#startedAt = performance.now()
    this.#thread.postMessage(this.#committing.map(({ write }) => write))
  }

  #settle(results: Result[]) {
    const settled = this.#committing
    this.#committing = []
    this.totals.commits += 1
    this.totals.writes += settled.length
    this.totals.commitSeconds += (performance.now() - this.#startedAt) / 1000
    settled.forEach(({ resolve, reject }, index) => {
      const result = results[index] as Result
      if ('rows' in result) resolve(result.rows)
      else reject(toError(result))
    })
    if (this.#queue.length > 0) this.#schedule()
  }

  #fail(error: Error) {
    if (this.#closed) return
    this.#closed = error
    for (const { reject } of [...this.#committing, ...this.#queue]) reject(error)
    this.#committing = []
    this.#queue = []
    throw error
  }
}

function queueFull(): HttpError {
  return tryLater(503, 'Too many writes are waiting for the disk: try again in a second', 1)
}

function toError({ code, message }: Failure): Error {
  if (code === 'SQLITE_FULL') {
    const detail = 'The disk is full: nothing was changed; free some space and try again'
    return new HttpError(507, detail)
  }
  if (message === movingMessage) {
    return tryLater(503, `${movingMessage}: try again in a few seconds`, 2)
  }
  if (code.startsWith('SQLITE_BUSY')) {
    return tryLater(503, 'The database is busy: try again in a second', 1)
  }
  return new Error(`${code}: ${message}`)
}
