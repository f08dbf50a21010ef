import type { Server } from 'node:http'
import net from 'node:net'
import { setImmediate } from 'node:timers/promises'

const sweepMs = 250

interface DrainLimits {
  idleMs: number
  timeoutMs: number
  /** How much longer both are while another worker accepts connections, so that nobody waits. */
  extraMs: number
  isReplaced: () => Promise<boolean>
}

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
  { idleMs, timeoutMs, extraMs, isReplaced }: DrainLimits,
) {
  const startedAt = performance.now()
  const sweep = setInterval(async () => {
    const extra = extraMs > 0 && (await isReplaced()) ? extraMs : 0
    const elapsedMs = performance.now() - startedAt - extra
    // After a stall, requests that came meanwhile are read first.
    await setImmediate()
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
