import { BlockList } from 'node:net'
import { request } from './request.ts'

/** Which onebox a command speaks to. */
export interface Target {
  /** Without a slash at its end. */
  base: string
  token: string | undefined
}

/** @throws {Error} one line that names what is missing or wrong, and the cure */
export function readTarget({ url, token }: { url: string | undefined; token?: string }): Target {
  if (url === undefined) throw new Error('Which onebox is meant? Add --url http://127.0.0.1:8080')
  return { base: baseOf(url), token: tokenOf(token) }
}

/**
 * The same, or the onebox of a stack, whose own token then is the usual one.
 * @throws {Error} one line that names what is missing or wrong, and the cure
 */
export async function findTarget({
  stack,
  url,
  token,
}: {
  stack: string | undefined
  url: string | undefined
  token?: string
}): Promise<Target> {
  if (stack === undefined) return readTarget({ url, token })
  if (url !== undefined)
    throw new Error('--stack and --url are two ways to say it: take one of them')
  // Pulumi takes a second to load, for which nobody waits who does not need it.
  const { selectStack } = await import('../stack/pulumi.ts')
  const { requireOutputs } = await import('../stack/outputs.ts')
  const outputs = await requireOutputs(await selectStack(stack))
  return readTarget({ url: outputs.url, token: token ?? (outputs.writeToken || undefined) })
}

function baseOf(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new Error(`--url must be like http://127.0.0.1:8080, got "${text}"`)
  }
  return url.origin + url.pathname.replace(/\/*$/, '')
}

/** The server's own WRITE_TOKEN may be a list, of which any will do. */
function tokenOf(given = process.env.WRITE_TOKEN): string | undefined {
  const token = given?.split(',')[0]?.trim()
  if (!token) return undefined
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new Error('The token must hold no spaces and ASCII only: check WRITE_TOKEN or --token')
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * Keeps a load from strangers: whoever means another machine says so twice, for a slip in one of
 * the two to stop everything.
 * @throws {Error} unless `mine` is the host of the address, or the address is this machine
 */
export function assertOwn({ base }: Target, mine: string | undefined) {
  const { hostname } = new URL(base)
  if (mine === hostname || (mine === undefined && isLoopback(hostname))) return
  if (mine !== undefined) throw new Error(`--mine must be ${hostname} as in --url, got "${mine}"`)
  throw new Error(`${hostname} is not this machine: add --mine ${hostname} if it is yours`)
}

function isLoopback(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  if (address === 'localhost') return true
  return loopback.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}

/** @throws {Error} where nothing answers there */
export async function assertAnswers({ base }: Target) {
  try {
    await request(`${base}/healthz`)
  } catch (error) {
    const reason = (error as Error).message
    throw new Error(`${base} does not answer (${reason}): start onebox, or check the address`)
  }
}

export function authorization({ token }: Pick<Target, 'token'>): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` }
}
