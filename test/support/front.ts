import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Lifetime } from './lifetime.ts'

/** A port in front of one server after another, as systemd's socket is. */
export interface Front {
  /** Opens the port if it is closed; new connections go to these ports in turn from now on. */
  leadTo: (...ports: number[]) => Promise<void>
  /** Closes the port and cuts its connections. */
  close: () => void
}

export function createFront(t: Lifetime, port: number): Front {
  const sockets = new Set<Socket>()
  let targets: number[] = []
  let turn = 0
  const server = createServer((socket) => {
    turn += 1
    const onward = connect(targets[turn % targets.length] as number, '127.0.0.1')
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

  async function leadTo(...ports: number[]) {
    targets = ports
    if (!server.listening) await once(server.listen(port, '127.0.0.1'), 'listening')
  }

  function close() {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
}
