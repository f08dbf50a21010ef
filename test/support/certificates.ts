import {
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { altNames, ecdsaWithSha256 } from '../../server/acme/csr.ts'
import { bits, der, octets, oid, sequence, set } from '../../server/acme/der.ts'

export interface TestCertificate {
  key: string
  cert: string
  /** Both, as TLS_FILE takes them. */
  pem: string
}

const hourMs = 3_600_000

interface Contents {
  names: string[]
  notBefore?: number
  notAfter?: number
  extensions?: Buffer[]
  serial?: Buffer
}

/** A certificate of its own P-256 key, signed by itself. */
export function makeCertificate(
  names: string[],
  more: Omit<Contents, 'names'> = {},
): TestCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const cert = issueCertificate(spki, privateKey, { names, ...more })
  const key = exportKey(privateKey)
  return { key, cert, pem: key + cert }
}

/** A certificate of a key in SPKI, signed by another. */
export function issueCertificate(
  spki: Buffer,
  issuerKey: KeyObject,
  {
    names,
    notBefore = Date.now() - hourMs,
    notAfter = Date.now() + 159 * hourMs,
    extensions = [],
    serial = Buffer.of(1, ...randomBytes(8)),
  }: Contents,
): string {
  const name = sequence(set(sequence(oid('2.5.4.3'), der(0x0c, Buffer.from('onebox test')))))
  const all = [...(names.length > 0 ? [altNames(names)] : []), ...extensions]
  const tbs = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    spki,
    der(0xa3, sequence(...all)),
  )
  return pemOf(sequence(tbs, ecdsaWithSha256, bits(sign('sha256', tbs, issuerKey))))
}

/** As whoever renews a certificate puts it in place. */
export function replaceFile(file: string, content: string) {
  writeFileSync(`${file}.new`, content)
  renameSync(`${file}.new`, file)
}

/** A certificate as ACME_ROOT has it. */
export function encodeRoot(cert: string): string {
  return new X509Certificate(cert).raw.toString('base64')
}

/** An extension that names the issuer's key, as ARI needs it. */
export function authorityKey(id: Buffer): Buffer {
  return sequence(oid('2.5.29.35'), octets(sequence(der(0x80, id))))
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return der(0x18, Buffer.from(digits))
}

function pemOf(bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{1,64}/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`
}
