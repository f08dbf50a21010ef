import { Resolver } from 'node:dns/promises'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'

/** The names that the certificate is to cover now. */
export interface Names {
  names: string[]
  /** Names that do not point to this machine yet, and why that is. */
  leftOut?: string[]
  problem?: string
}

/** The instance's public address; '' while it has none. */
export async function readAddress(metadataUrl: string): Promise<string> {
  const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' }
  const token = await ask(`${metadataUrl}/latest/api/token`, 'PUT', ttl)
  const headers = { 'X-aws-ec2-metadata-token': token }
  return ask(`${metadataUrl}/latest/meta-data/public-ipv4`, 'GET', headers)
}

/** A domain belongs to it once it points to the address; until then the address is served alone. */
export async function chooseNames(
  address: string,
  domain: string | undefined,
  { covered, resolve = resolveDomain }: { covered: boolean; resolve?: typeof resolveDomain },
): Promise<Names> {
  if (domain === undefined) return { names: [address] }
  const found = await resolve(domain)
  // A resolver that fails for a moment is no reason to lose the domain.
  if (found.includes(address) || (found.length === 0 && covered)) {
    return { names: [address, domain] }
  }
  const where = found.length > 0 ? `it points to ${found.join(', ')}` : 'it does not resolve'
  const problem = `${domain} does not point to ${address} yet: ${where}`
  return { names: [address], leftOut: [domain], problem }
}

async function resolveDomain(domain: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: 3000, tries: 2 })
  return resolver.resolve4(domain).catch(() => [])
}

function ask(url: string, method: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, timeout: 5000 }, async (response) => {
      const body = await text(response).catch(() => '')
      resolve(response.statusCode === 200 ? body.trim() : '')
    })
    sent.on('timeout', () => sent.destroy(new Error('The metadata service does not answer')))
    sent.on('error', reject)
    sent.end()
  })
}
