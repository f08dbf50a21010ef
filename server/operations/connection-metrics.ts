import type { Server } from 'node:http'
import { counter, type Family, gauge } from './metrics.ts'

/** Makes the function that counts connections, idle ones too. */
export function createConnectionMetrics(server: Server): () => Family[] {
  let open = 0
  let dropped = 0
  server.on('connection', (socket) => {
    open += 1
    socket.once('close', () => {
      open -= 1
    })
  })
  server.on('drop', () => {
    dropped += 1
  })

  return function connectionMetrics() {
    return [
      gauge('onebox_connections', 'Open client connections.', open),
      counter(
        'onebox_connections_dropped_total',
        'Connections refused at the connection limit.',
        dropped,
      ),
    ]
  }
}
