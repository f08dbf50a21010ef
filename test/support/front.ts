import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Lifetime } from './lifetime.ts'

/** A port in front of one server after another, as systemd's socket is. */
export interface Front {
  /** Opens the port if it is closed; new connections go to this port from now on. */
  leadTo: (port: number) => Promise<void>
  /** Closes the port and cuts its connections. */
  close: () => void
}

export function createFront(t: Lifetime, port: number): Front {
  const sockets = new Set<Socket>()
  let target = 0
  const server = createServer((socket) => {
    const onward = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from)
      from
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(from)
          to.destroy()
        })
      from.pipe(to)
    }
  })
  t.after(close)
  return { leadTo, close }

  async function leadTo(next: number) {
    target = next
    if (!server.listening) await once(server.listen(port, '127.0.0.1'), 'listening')
  }

  function close() {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
}
