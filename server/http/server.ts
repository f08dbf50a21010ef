import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { answerClientError, refuseTunnel } from './client-error.ts'

interface ServerLimits {
  headerLimitBytes: number
  headersTimeoutMs: number
  requestTimeoutMs: number
  keepAliveTimeoutMs: number
}

/** Node's server, not listening yet, with everything it receives handed to `listener`. */
export function createHttpServer(listener: RequestListener, limits: ServerLimits): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerLimitBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: 1000,
      // The listener checks Host itself, to explain what is wrong with it.
      requireHostHeader: false,
      optimizeEmptyRequests: true,
    },
    listener,
  )
  server.on('checkContinue', listener)
  server.on('checkExpectation', listener)
  server.on('clientError', answerClientError)
  server.on('connect', refuseTunnel)
  server.on('timeout', closeIfSilent)
  return server
}

/** After a stall, a connection seems idle until its requests, which wait in the kernel, are read. */
function closeIfSilent(socket: Socket) {
  const { bytesRead } = socket
  setImmediate(() => {
    if (socket.bytesRead === bytesRead) socket.destroy()
  })
}
