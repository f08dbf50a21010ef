import { X509Certificate } from 'node:crypto'
import type { AcmeClient } from './client.ts'

export interface RenewalInfo {
  /** When to renew: a random moment in the window that the authority suggests. */
  renewAt: number
  /** When to ask again. */
  askAt: number
}

/**
 * Asks when to renew a certificate (ARI, RFC 9773); `undefined` if the authority does not say. A
 * moment that was chosen before stays while the window has it.
 */
export async function askRenewalInfo(
  client: AcmeClient,
  pem: string,
  chosen: number,
): Promise<RenewalInfo | undefined> {
  const id = certificateId(pem)
  const { renewalInfo } = client.directory
  if (id === undefined || renewalInfo === undefined) return undefined
  const { body, retryAt = Number.POSITIVE_INFINITY } = await client.get(`${renewalInfo}/${id}`)
  const { start, end } = JSON.parse(body).suggestedWindow ?? {}
  const [from, to] = [Date.parse(start), Date.parse(end)]
  if (!(to >= from)) return undefined
  const isChosen = from <= chosen && chosen <= to
  return { renewAt: isChosen ? chosen : from + Math.random() * (to - from), askAt: retryAt }
}

/** How ARI names a certificate: by its issuer's key and its serial number. */
export function certificateId(pem: string): string | undefined {
  const { raw, serialNumber } = new X509Certificate(pem)
  const issuer = authorityKeyId(raw)
  if (issuer === undefined) return undefined
  const serial = Buffer.from(serialNumber, 'hex')
  // In DER, a number whose top bit is set begins with a zero, which Node leaves out.
  const number = (serial[0] ?? 0) > 127 ? Buffer.of(0, ...serial) : serial
  return `${issuer.toString('base64url')}.${number.toString('base64url')}`
}

/** The key identifier in the extension 2.5.29.35 of a certificate (RFC 5280, 4.2.1.1). */
function authorityKeyId(raw: Buffer): Buffer | undefined {
  const at = raw.indexOf(Buffer.from('0603551d2304', 'hex'))
  const [octets, sequence, , tag, length = 0] = raw.subarray(at + 6, at + 11)
  if (at < 0 || sequence !== 0x30 || tag !== 0x80 || length + 4 > (octets ?? 0)) return undefined
  return raw.subarray(at + 11, at + 11 + length)
}
