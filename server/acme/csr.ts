import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { isIP, isIPv4 } from 'node:net'
import { bits, der, integer, octets, oid, sequence, set } from './der.ts'

const extensionRequest = oid('1.2.840.113549.1.9.14')
const subjectAltName = oid('2.5.29.17')
export const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

/**
 * A certificate request (RFC 2986) for host names and IPv4 addresses, signed with its P-256 key. Its
 * subject is empty: Let's Encrypt refuses an address as a common name.
 */
export function certificateRequest(names: readonly string[], key: KeyObject): Buffer {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const attribute = sequence(extensionRequest, set(sequence(altNames(names))))
  const request = sequence(integer(0), sequence(), publicKey, der(0xa0, attribute))
  return sequence(request, ecdsaWithSha256, bits(sign('sha256', request, key)))
}

/** The extension that names the hosts (RFC 5280, 4.2.1.6). */
export function altNames(names: readonly string[]): Buffer {
  return sequence(subjectAltName, octets(sequence(...names.map(altName))))
}

function altName(name: string): Buffer {
  if (isIP(name) === 0) return der(0x82, Buffer.from(name, 'latin1'))
  if (!isIPv4(name)) throw new Error(`${name} is not an IPv4 address`)
  return der(0x87, Uint8Array.from(name.split('.').map(Number)))
}
