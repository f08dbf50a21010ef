import type { Reply } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'

// For Prometheus and health checks, which may know an address that the certificate does not cover.
const staysPlain = /^\/(\.well-known\/acme-challenge\/|(healthz(\/\w+)?|metrics)\/?($|\?))/

interface RedirectOptions {
  isValidFor: (host: string) => boolean
  port: () => number
}

/**
 * Makes the function that sends plain requests to HTTPS, but only to a host for which the certificate
 * is valid now, so that port 80 answers by itself without one. Clients on this machine, and proxies,
 * which speak HTTPS themselves, are left alone.
 */
export function createRedirect({ isValidFor, port }: RedirectOptions) {
  return function redirect(request: HttpRequest, target: string): Reply | undefined {
    if (request.isEncrypted || request.isFromHere || request.isForwarded) return
    const host = hostOf(request)
    if (host === '' || !target.startsWith('/') || staysPlain.test(target)) return
    if (!isValidFor(host)) return
    return moved(`https://${host}${port() === 443 ? '' : `:${port()}`}${target}`)
  }
}

/** Not to be kept by browsers, as it ends with the certificate. */
function moved(url: string): Reply {
  const type = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store']
  const body = `This site uses HTTPS: request ${url}\nWith curl, add --location to follow redirects.\n`
  return { status: 308, headers: [...type, 'Location', url], body }
}

/** Without the port; '' if there is none. */
export function hostOf(request: HttpRequest): string {
  return (request.header('host') ?? '').replace(/:\d*$/, '').toLowerCase()
}
