import { createServer, type RequestListener, type Server } from 'node:http'
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
  return server
}
