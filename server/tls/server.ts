import { constants } from 'node:crypto'
import tls, { type SecureContextOptions, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Certificate } from './certificate.ts'

interface SecureServer {
  server: tls.Server
  use: (certificate: Certificate) => void
  /** Handshakes that failed. */
  failures: () => number
}

interface SecureServerOptions {
  handshakeTimeoutMs: number
  /** As in `shareTicketKeys`. */
  ticketKeys: Buffer
  /** Hears of each connection once its handshake is done. */
  onConnection: (socket: TLSSocket) => void
}

const ciphers = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':')

// Every browser has one of these. With OpenSSL's own list, clients could ask for P-521, which costs
// several times as much.
const keyExchanges = ['X25519MLKEM768', 'X25519', 'P-256'].join(':')

/**
 * Makes a server that only accepts connections and shakes hands, not listening yet. The HTTP server
 * takes them over: it then has all requests, with one set of timeouts. Until it has a certificate,
 * every handshake fails.
 */
export function createSecureServer(options: SecureServerOptions): SecureServer {
  const { handshakeTimeoutMs, ticketKeys, onConnection } = options
  // Node forgets those that are not repeated with a new certificate, and takes a default id that
  // differs between workers.
  const context: SecureContextOptions & TlsOptions = {
    minVersion: 'TLSv1.2',
    ciphers,
    ecdhCurve: keyExchanges,
    honorCipherOrder: true,
    // No client needs one in TLS 1.2, and each costs a handshake.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ticketKeys,
    sessionIdContext: 'onebox',
  }
  let failures = 0
  const server = tls.createServer({
    ...context,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeTimeoutMs,
    noDelay: true,
  })
  server.on('secureConnection', onConnection)
  server.on('tlsClientError', (_error, socket) => {
    failures += 1
    socket.destroy()
  })
  return { server, use, failures: () => failures }

  function use({ pem }: Certificate) {
    // Fails for a key that is too weak, which setSecureContext would take.
    tls.createSecureContext({ ...context, key: pem, cert: pem })
    server.setSecureContext({ ...context, key: pem, cert: pem })
  }
}
