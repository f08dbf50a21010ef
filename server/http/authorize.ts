import { hash, timingSafeEqual } from 'node:crypto'
import { HttpError } from './http-error.ts'
import type { WriteRate } from './limits.ts'
import type { HttpRequest } from './request.ts'
import type { Handler } from './router.ts'

export interface Authorize {
  /** Allows a write with a valid token, within the rate, and not from another site. */
  write: (handler: Handler) => Handler
  /** Allows a read with a valid token. */
  read: (handler: Handler) => Handler
}

/** `tokenHashes` are SHA-256 digests of the valid tokens; without any, no token is needed. */
export function createAuthorize(tokenHashes: readonly Buffer[], rate: WriteRate): Authorize {
  const read: Authorize['read'] = (handler) => (request) => {
    assertToken(request, tokenHashes)
    return handler(request)
  }
  const write: Authorize['write'] = (handler) => (request) => {
    assertSameSite(request)
    rate.take(request.address)
    assertToken(request, tokenHashes)
    return handler(request)
  }
  return { read, write }
}

function assertSameSite(request: HttpRequest) {
  if (request.header('sec-fetch-site') === 'cross-site') {
    throw new HttpError(403, 'Pages of other sites may not write here: use this site or curl')
  }
}

function assertToken(request: HttpRequest, tokenHashes: readonly Buffer[]) {
  if (tokenHashes.length === 0) return
  const [, token] = /^Bearer +([^\s]+) *$/i.exec(request.header('authorization') ?? '') ?? []
  if (token === undefined) throw unauthorized('Send the header "Authorization: Bearer <token>"')
  const digest = hash('sha256', token, 'buffer')
  const valid = tokenHashes.filter((tokenHash) => timingSafeEqual(tokenHash, digest))
  if (valid.length === 0) throw unauthorized('The token is not valid: check it for typos')
}

function unauthorized(detail: string): HttpError {
  return new HttpError(401, detail, { headers: ['WWW-Authenticate', 'Bearer'] })
}
