import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** A private key with its certificate and chain, as they are in one PEM file. */
export interface Certificate {
  pem: string
  /** The host names and addresses that it is for. */
  names: string[]
  notBefore: number
  notAfter: number
  /** Whether browsers accept it for a host, without its port. */
  covers: (host: string) => boolean
}

/**
 * Checks everything that `setSecureContext` would take without a word.
 * @throws {Error} one line that says what is wrong with the file
 */
export function readCertificate(pem: string, now = Date.now()): Certificate {
  if (pem.trim() === '') throw new Error('The file is empty')
  const begun = pem.match(/-----BEGIN [A-Z ]+-----/g) ?? []
  const blocks = pem.match(/-----BEGIN ([A-Z ]+)-----[\s\w+/=,:-]+?-----END \1-----/g) ?? []
  if (blocks.length < begun.length) throw new Error('The file is cut short')
  const key = readKey(blocks.find((block) => block.includes('PRIVATE KEY-----')))
  const [leaf] = blocks.filter((block) => block.startsWith('-----BEGIN CERT')).map(readX509)
  if (leaf === undefined) throw new Error('The file has no certificate')
  if (!leaf.checkPrivateKey(key)) throw new Error('The certificate belongs to another private key')
  const names = namesOf(leaf)
  if (names.length === 0) throw new Error('The certificate has no subject alternative name')
  const certificate = { pem, names, ...datesOf(leaf), covers: (host: string) => covers(leaf, host) }
  if (certificate.notAfter <= now) {
    throw new Error(`The certificate expired at ${leaf.validToDate.toISOString()}`)
  }
  return certificate
}

function readKey(block: string | undefined): KeyObject {
  if (block === undefined) throw new Error('The file has no private key')
  try {
    return createPrivateKey(block)
  } catch {
    throw new Error('The private key cannot be read: it must not be encrypted')
  }
}

function readX509(block: string): X509Certificate {
  try {
    return new X509Certificate(block)
  } catch {
    throw new Error('A certificate in the file cannot be read')
  }
}

/** Others, such as e-mail addresses, do not name a host. */
function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  const names = subjectAltName.matchAll(/(?:^|, )(?:DNS|IP Address):([^",\s]+)/g)
  return [...names].map(([, name = '']) => name.toLowerCase())
}

function datesOf({ validFromDate, validToDate }: X509Certificate) {
  return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() }
}

function covers(leaf: X509Certificate, host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1')
  const match = isIP(name) > 0 ? leaf.checkIP(name) : leaf.checkHost(name, { subject: 'never' })
  return match !== undefined
}
