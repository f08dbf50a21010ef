import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

export interface Connections {
  open: () => number
  dropped: () => number
}

/** Counts the connections of all servers, idle ones too, and drops those beyond one limit for all. */
export function limitConnections(servers: readonly Server[], limit: number): Connections {
  const open = servers.map(() => 0)
  let dropped = 0
  for (const [index, server] of servers.entries()) {
    server.on('connection', (socket) => count(index, socket))
    server.on('drop', () => {
      dropped += 1
    })
  }
  share()
  return { open: total, dropped: () => dropped }

  function count(index: number, socket: Socket) {
    // It has been counted where it was accepted.
    if ((socket as TLSSocket).encrypted) return
    change(index, 1)
    socket.once('close', () => change(index, -1))
  }

  function change(index: number, by: 1 | -1) {
    open[index] = (open[index] as number) + by
    if (servers.length > 1) share()
  }

  /** Node counts the connections of each server by itself. */
  function share() {
    for (const [index, server] of servers.entries()) {
      server.maxConnections = limit - (total() - (open[index] as number))
    }
  }

  function total(): number {
    return open.reduce((sum, count) => sum + count, 0)
  }
}
