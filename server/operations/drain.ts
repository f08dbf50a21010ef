import type { Server } from 'node:http'
import net from 'node:net'

const sweepMs = 250

/**
 * Lame duck: accepts no new connections, answers requests on open ones (each answer closes its
 * connection), and closes those that stay idle for `idleMs`, by when clients no longer reuse them.
 * `http.Server.close` would cut idle ones at once, along with requests already on their way. `server`
 * has the connections of all `acceptors`, except those whose handshake is not done: a timeout of
 * their own ends them.
 */
export async function drain(
  server: Server,
  acceptors: readonly net.Server[],
  { idleMs, timeoutMs }: { idleMs: number; timeoutMs: number },
) {
  const startedAt = performance.now()
  const sweep = setInterval(() => {
    const elapsedMs = performance.now() - startedAt
    if (elapsedMs > timeoutMs) server.closeAllConnections()
    else if (elapsedMs > idleMs) server.closeIdleConnections()
  }, sweepMs)
  await Promise.all(acceptors.map(close))
  clearInterval(sweep)
}

function close(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    net.Server.prototype.close.call(server, () => resolve())
  })
}
