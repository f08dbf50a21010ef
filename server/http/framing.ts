import type { IncomingMessage } from 'node:http'
import { expectsContinue } from './body.ts'
import { HttpError } from './http-error.ts'

/**
 * Checks the parts of a request that do not depend on its route.
 * @throws {HttpError}
 */
export function assertFraming(incoming: IncomingMessage) {
  assertVersion(incoming)
  assertHost(incoming)
  assertCoding(incoming)
  const { expect } = incoming.headers
  const isKnown = incoming.httpVersion === '1.0' || expectsContinue(incoming)
  if (expect !== undefined && !isKnown) {
    throw new HttpError(417, 'The only supported Expect is "100-continue": leave the header out')
  }
}

/** Node's parser accepts HTTP/2.0 and HTTP/0.9. */
function assertVersion({ httpVersionMajor, httpVersion }: IncomingMessage) {
  if (httpVersionMajor === 1) return
  throw new HttpError(505, `HTTP/${httpVersion} is not supported: send HTTP/1.1`, {
    headers: ['Connection', 'close'],
  })
}

/** RFC 9112, 3.2 */
function assertHost({ rawHeaders, headers, httpVersion }: IncomingMessage) {
  const hosts = countHosts(rawHeaders)
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) {
    throw new HttpError(400, 'A request needs exactly one Host header: send one')
  }
  const { host = '' } = headers
  if (host !== '' && !isAuthority(host)) {
    throw new HttpError(400, 'Host must be a host name or address, with or without a port')
  }
}

/** `headers` contains only the first of several. */
function countHosts(rawHeaders: string[]): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.length === 4 && rawHeaders[index]?.toLowerCase() === 'host') count += 1
  }
  return count
}

const authority = /^(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})+(?::\d*)?$/i
const literalAuthority = /^\[[\w.~!$&'()*+,;=:-]+\](?::\d*)?$/

/** A host, in brackets if it is an IPv6 address, with an optional port (RFC 3986, 3.2); no user. */
export function isAuthority(text: string): boolean {
  return authority.test(text) || literalAuthority.test(text)
}

/** RFC 9112, 6.1 */
function assertCoding({ headers, httpVersion }: IncomingMessage) {
  const coding = headers['transfer-encoding']
  if (coding === undefined) return
  const close = { headers: ['Connection', 'close'] }
  if (httpVersion !== '1.1') {
    throw new HttpError(400, 'HTTP/1.0 has no Transfer-Encoding: send a Content-Length', close)
  }
  if (coding.toLowerCase() !== 'chunked') {
    const detail = `The Transfer-Encoding ${coding.slice(0, 80)} is not supported: use chunked`
    throw new HttpError(501, detail, close)
  }
}
