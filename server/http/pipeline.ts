import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Makes the function that runs the requests of a connection one after the other, so that each sees
 * the writes sent before it (RFC 9112, 9.3.2). A connection with more than `limit` requests waiting
 * is closed.
 */
export function createPipeline(limit: number) {
  const waiting = new WeakMap<Socket, number>()

  // Node assigns the socket to one response at a time: the others have to wait.
  return function inTurn(response: ServerResponse, run: () => void) {
    if (response.socket) return run()
    const { socket } = response.req
    const count = (waiting.get(socket) ?? 0) + 1
    if (count > limit) return socket.destroy()
    waiting.set(socket, count)
    response.once('socket', () => {
      waiting.set(socket, (waiting.get(socket) as number) - 1)
      run()
    })
  }
}
