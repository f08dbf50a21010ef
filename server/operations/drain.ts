import type { Server } from 'node:http'
import net from 'node:net'

const sweepMs = 250

/**
 * Lame duck: accepts no new connections, answers requests on open ones (each answer closes its
 * connection), and closes those that stay idle for `idleMs`, by when clients no longer reuse them.
 * `http.Server.close` would cut idle ones at once, along with requests already on their way.
 */
export function drain(
  server: Server,
  { idleMs, timeoutMs }: { idleMs: number; timeoutMs: number },
): Promise<void> {
  const startedAt = performance.now()
  const sweep = setInterval(() => {
    const elapsedMs = performance.now() - startedAt
    if (elapsedMs > timeoutMs) server.closeAllConnections()
    else if (elapsedMs > idleMs) server.closeIdleConnections()
  }, sweepMs)
  return new Promise((resolve) => {
    net.Server.prototype.close.call(server, () => {
      clearInterval(sweep)
      resolve()
    })
  })
}
