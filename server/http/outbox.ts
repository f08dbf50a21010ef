import type { ServerResponse } from 'node:http'
import type { Budget } from './limits.ts'
import { isSmall, type WireBody } from './reply.ts'

const pieceBytes = 64 * 1024

/** Sends bodies as fast as their clients read them, within a budget of bytes and a timeout. */
export class Outbox {
  readonly #budget: Budget
  readonly #timeoutMs: number
  readonly #readers = new Map<WireBody, number>()

  /** `timeoutMs` is how long a client may leave its answer unread. */
  constructor(budget: Budget, timeoutMs: number) {
    this.#budget = budget
    this.#timeoutMs = timeoutMs
  }

  /**
   * Counts a body against the budget until its response is done, once for all responses with it.
   * @throws {HttpError} 503 when the budget is used up
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
    // Nearly every answer is in the kernel's buffers by now, where nothing is left to watch.
    if (response.writableLength > 0) this.#cutWhenStuck(response)
  }

  #cutWhenStuck(response: ServerResponse) {
    const timer = setTimeout(() => response.destroy(), this.#timeoutMs)
    response.on('drain', () => timer.refresh())
    response.once('close', () => clearTimeout(timer))
  }
}

/** In pieces, as Node reports progress only once the kernel has taken a whole write. */
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
