import type { AddressInfo, Server } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Config } from '../config.ts'
import type { HttpsPolicy } from '../http/listener.ts'
import { readAcmeState } from '../tls/acme-folder.ts'
import { CertificateFile } from '../tls/certificate-file.ts'
import { createRedirect, hostOf } from '../tls/redirect.ts'
import { createSecureServer } from '../tls/server.ts'
import { shareTicketKeys } from '../tls/ticket-keys.ts'
import type { Log } from './log.ts'
import { counter, type Family, gauge } from './metrics.ts'
import { makeSocketDir, socketPrefix } from './sockets.ts'

/** What /healthz says about the certificate. */
export interface HttpsHealth {
  /** The names of the certificate that serves; none without one. */
  names: string[]
  expiresAt?: string | undefined
  /** Names that do not point to this machine yet. */
  leftOut?: string[] | undefined
  problem?: string | undefined
  /** When the ACME client next tries, or renews. */
  nextTryAt?: string | undefined
}

export interface Https {
  /** Not listening yet. */
  server: Server
  policy: HttpsPolicy
  health: () => HttpsHealth
  families: () => Family[]
  close: () => void
}

// Short, as a browser that knows it does not use port 80 again, whatever happens to the certificate.
const hsts = ['Strict-Transport-Security', 'max-age=86400']

/**
 * HTTPS, if it is configured, from a certificate in a file that may be replaced at any time. A file
 * that is wrong is refused, and the certificate before it goes on serving.
 * @param onConnection hears of each connection once its handshake is done
 * @throws {Error} if the file is wrong from the start, and no ACME client is there to replace it
 */
export function createHttps(
  config: Config,
  log: Log,
  onConnection: (socket: TLSSocket) => void,
): Https | undefined {
  const { tls, acmeDir, domain, handshakeTimeoutMs } = config
  if (tls === undefined) return undefined
  makeSocketDir(config.socketDir)
  const ticketKeys = shareTicketKeys(`${socketPrefix(config)}tickets`)
  const secure = createSecureServer({ handshakeTimeoutMs, ticketKeys, onConnection })
  const file = new CertificateFile({
    file: tls.file,
    wanted: () => readAcmeState(acmeDir)?.names ?? [],
    onRenewed(certificate) {
      secure.use(certificate)
      const { names, notBefore, notAfter } = certificate
      log.info({ message: 'certificate', names, expiresAt: new Date(notAfter).toISOString() })
      if (notBefore > Date.now()) {
        log.error({
          message: 'The certificate is not valid yet: is the clock of this machine right?',
        })
      }
    },
    onRefused: (reason) => log.error({ message: 'certificate refused', file: tls.file, reason }),
  })
  if (file.problem !== undefined && acmeDir === undefined) {
    throw new Error(`TLS_FILE ${tls.file} cannot be used: ${file.problem}`)
  }
  file.watch()

  return {
    server: secure.server,
    policy: {
      redirect: createRedirect({
        isValidFor: (host) => file.isValidFor(host),
        port: () => (secure.server.address() as AddressInfo).port,
      }),
      headers: (request) => {
        return request.isEncrypted && domain !== undefined && hostOf(request) === domain ? hsts : []
      },
    },
    health,
    families,
    close: () => file.close(),
  }

  function health(): HttpsHealth {
    const acme = readAcmeState(acmeDir)
    const { names = [], notAfter } = file.current ?? {}
    return {
      names,
      expiresAt: notAfter === undefined ? undefined : new Date(notAfter).toISOString(),
      leftOut: acme?.leftOut,
      problem: acme?.problem ?? file.problem,
      nextTryAt: acme?.nextTryAt,
    }
  }

  function families(): Family[] {
    const expiry =
      'When the certificate expires, in seconds since the Unix epoch; 0 without a certificate.'
    const seconds = Math.floor((file.current?.notAfter ?? 0) / 1000)
    return [
      gauge('onebox_certificate_expiry_timestamp_seconds', expiry, seconds),
      counter(
        'onebox_tls_handshake_failures_total',
        'TLS connections that ended before their handshake was done.',
        secure.failures(),
      ),
    ]
  }
}
