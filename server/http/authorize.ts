import { hash, timingSafeEqual } from 'node:crypto'
import { type Fields, readForm } from './form.ts'
import { HttpError } from './http-error.ts'
import type { Rate } from './limits.ts'
import type { Reply } from './reply.ts'
import type { HttpRequest } from './request.ts'
import type { Handler } from './router.ts'

export interface Authorize {
  /** Allows a write with a valid token, within the rate, and not from another site. */
  write: (handler: Handler) => Handler
  /** The same for a form of a page, which needs no JavaScript. */
  form: (form: Form) => Handler
  /** Allows a read with a valid token. */
  read: (handler: Handler) => Handler
}

interface Reader {
  /** Whether `read` would allow it, for answers that tell others less. */
  mayRead: (request: HttpRequest) => boolean
}

/** What handles a form, whose token may be its field `token`. */
export interface Form {
  submit: (fields: Fields, request: HttpRequest) => Reply | Promise<Reply>
  /** The form again after an error, with what was typed. */
  again: (fields: Fields, error: HttpError) => Reply | Promise<Reply>
}

/** `tokenHashes` are SHA-256 digests of the valid tokens; without any, no token is needed. */
export function createAuthorize(tokenHashes: readonly Buffer[], rate: Rate): Authorize & Reader {
  const mayRead = (request: HttpRequest) =>
    tokenHashes.length === 0 || isValid(bearerOf(request), tokenHashes)
  const read: Authorize['read'] = (handler) => (request) => {
    assertToken(bearerOf(request), tokenHashes)
    return handler(request)
  }
  const write: Authorize['write'] = (handler) => (request) => {
    assertSameOrigin(request)
    rate.take(request.address)
    assertToken(bearerOf(request), tokenHashes)
    return handler(request)
  }
  const form: Authorize['form'] =
    ({ submit, again }) =>
    async (request) => {
      assertSameOrigin(request)
      const fields = await readForm(request)
      try {
        rate.take(request.address)
        const token = fields.token?.trim() || bearerOf(request)
        assertToken(token, tokenHashes, 'Enter the token of this server')
        return await submit(fields, request)
      } catch (error) {
        if (!(error instanceof HttpError) || !request.prefersHtml) throw error
        return withError(await again(fields, error), error)
      }
    }
  return { read, mayRead, write, form }
}

function withError({ headers, body }: Reply, error: HttpError): Reply {
  return { status: error.status, headers: [...headers, ...error.headers], body: body as string }
}

/**
 * Keeps out forms and scripts of other sites. Browsers send `Sec-Fetch-Site` over HTTPS and to
 * localhost, and `Origin` with every write. Its port is left out, as proxies may drop that of `Host`.
 */
function assertSameOrigin(request: HttpRequest) {
  const site = request.header('sec-fetch-site')
  const isOurs = site ? /^(same-origin|none)$/.test(site) : isOwnOrigin(request)
  if (isOurs) return
  throw new HttpError(403, 'Pages of other sites may not write here: use this site or curl')
}

function isOwnOrigin(request: HttpRequest): boolean {
  const origin = request.header('origin')
  if (origin === undefined) return true
  const host = URL.parse(request.origin)?.hostname
  return host !== undefined && URL.parse(origin)?.hostname === host
}

function bearerOf(request: HttpRequest): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(request.header('authorization') ?? '')?.[1]
}

function assertToken(
  token: string | undefined,
  tokenHashes: readonly Buffer[],
  cure = 'Send the header "Authorization: Bearer <token>"',
) {
  if (tokenHashes.length === 0) return
  if (token === undefined) throw unauthorized(cure)
  if (isValid(token, tokenHashes)) return
  throw unauthorized('The token is not valid: check it for typos')
}

function isValid(token: string | undefined, tokenHashes: readonly Buffer[]): boolean {
  if (token === undefined) return false
  const digest = hash('sha256', token, 'buffer')
  return tokenHashes.filter((tokenHash) => timingSafeEqual(tokenHash, digest)).length > 0
}

function unauthorized(detail: string): HttpError {
  return new HttpError(401, detail, { headers: ['WWW-Authenticate', 'Bearer'] })
}
