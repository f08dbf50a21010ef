import type { ServerResponse } from 'node:http'
import type { Budget } from './limits.ts'
import { isSmall, type WireBody } from './reply.ts'

const pieceBytes = 64 * 1024

/** Writes bodies out as fast as their clients read them, within a budget of bytes and a time limit. */
export class Outbox {
  readonly #budget: Budget
  readonly #timeoutMs: number
  readonly #readers = new Map<WireBody, number>()

  /** `timeoutMs` is how long a client may take nothing of its answer. */
  constructor(budget: Budget, timeoutMs: number) {
    this.#budget = budget
    this.#timeoutMs = timeoutMs
  }

  /**
   * Takes room for a body until its response is done, once for all responses with the same one.
   * @throws {HttpError} 503 when there is none left
   */
  hold(response: ServerResponse, body: WireBody) {
    if (isSmall(body) || response.destroyed) return
    const readers = this.#readers.get(body) ?? 0
    if (readers === 0) this.#budget.take(body.length)
    this.#readers.set(body, readers + 1)
    response.once('close', () => this.#release(body))
  }

  #release(body: WireBody) {
    const readers = (this.#readers.get(body) as number) - 1
    if (readers > 0) return this.#readers.set(body, readers)
    this.#readers.delete(body)
    this.#budget.give(body.length)
  }

  /** Ends a response whose head is written. */
  send(response: ServerResponse, body: WireBody | undefined) {
    if (response.destroyed) return
    if (body instanceof Buffer && body.length > pieceBytes) writePieces(response, body)
    else response.end(body, 'latin1')
    // What the kernel has taken is no longer ours to watch: that is nearly every answer.
    if (response.writableLength > 0) this.#cutWhenStuck(response)
  }

  #cutWhenStuck(response: ServerResponse) {
    const timer = setTimeout(() => response.destroy(), this.#timeoutMs)
    response.on('drain', () => timer.refresh())
    response.once('close', () => clearTimeout(timer))
  }
}

/** In pieces, as progress shows only when the kernel has taken all of one. */
function writePieces(response: ServerResponse, body: Buffer) {
  let sent = 0
  response.on('drain', writeOn)
  writeOn()

  function writeOn() {
    while (sent < body.length) {
      const piece = body.subarray(sent, sent + pieceBytes)
      sent += piece.length
      if (!response.write(piece)) return
    }
    response.end()
  }
}
