import { BlockList, isIP } from 'node:net'

// No proxy needs more; a mistake such as /0 would let clients choose their own address.
const shortestPrefix = 8

/** The proxies in front of the server whose X-Forwarded headers count. */
export class TrustedProxies {
  readonly #networks: BlockList | undefined

  /** @param networks addresses and networks that pass `isNetwork` */
  constructor(networks: readonly string[]) {
    if (networks.length > 0) this.#networks = toBlockList(networks)
  }

  trusts(address: string): boolean {
    const version = this.#networks === undefined ? 0 : isIP(address)
    return version > 0 && (this.#networks as BlockList).check(address, `ipv${version as 4 | 6}`)
  }

  /**
   * The client behind the proxies: the last address in X-Forwarded-For that is not a trusted
   * proxy. Anything left of it is the client's own claim.
   */
  clientOf(address: string, forwardedFor: string | undefined): string {
    let client = address
    const hops = forwardedFor !== undefined && this.trusts(address) ? forwardedFor.split(',') : []
    for (const hop of hops.reverse()) {
      const known = addressOf(hop)
      if (known === undefined) break
      client = known
      if (!this.trusts(client)) break
    }
    return client
  }
}

/** Whether this is an address, or a network in CIDR notation that is not wider than a /8. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || more.length > 0) return false
  if (prefix === undefined) return true
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  return bits >= shortestPrefix && bits <= (version === 4 ? 32 : 128)
}

function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const version = `ipv${isIP(address) as 4 | 6}` as const
    if (prefix === undefined) list.addAddress(address, version)
    else list.addSubnet(address, Number(prefix), version)
  }
  return list
}

/** Some proxies add the client's port: 192.0.2.1:49152, [2001:db8::1]:49152. */
function addressOf(hop: string): string | undefined {
  const bare = hop.trim().replace(/^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/, '$1$2')
  return isIP(bare) > 0 ? bare : undefined
}
