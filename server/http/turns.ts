import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const waiting = new Set<Socket>()

/**
 * Stops reading a body until its connection has its turn, one connection in each turn of the event
 * loop: for bodies that take much time to read, so that all others are answered in between.
 */
export function waitForTurn(incoming: IncomingMessage) {
  // Node would read on from the connection as soon as a chunk is taken.
  incoming._read = () => {}
  incoming.socket.pause()
  if (waiting.size === 0) setImmediate(giveTurn)
  waiting.add(incoming.socket)
}

function giveTurn() {
  const [next] = waiting
  if (!next) return
  waiting.delete(next)
  next.resume()
  if (waiting.size > 0) setImmediate(giveTurn)
}
