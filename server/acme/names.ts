import { Resolver } from 'node:dns/promises'
import { readMetadata } from '../aws/metadata.ts'

/** The names that the certificate is to cover now. */
export interface Names {
  names: string[]
  /** Names that do not point to this machine yet, and why that is. */
  leftOut?: string[]
  problem?: string
}

/** The instance's public address; '' while it has none. */
export function readAddress(metadataUrl: string): Promise<string> {
  return readMetadata(metadataUrl, 'public-ipv4')
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
