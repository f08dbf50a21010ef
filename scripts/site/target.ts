import { BlockList } from 'node:net'
import { UsageError } from '../terminal/command.ts'
import { request } from './client.ts'

/** A site, and the token to write to it. */
export interface Target {
  /** Without a slash at its end. */
  base: string
  token: string | undefined
}

/** @throws {Error} one line that names what is missing or wrong, and the cure */
export function readTarget(url: string | undefined, token?: string): Target {
  if (url === undefined)
    throw new UsageError('Which site? Add --url http://127.0.0.1:8080, or --stack NAME')
  return { base: baseOf(url), token: tokenOf(token) }
}

function baseOf(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new UsageError(`--url must be like http://127.0.0.1:8080, got "${text}"`)
  }
  return url.origin + url.pathname.replace(/\/*$/, '')
}

/** The server's WRITE_TOKEN may be a list, in which every token is valid. */
function tokenOf(given = process.env.WRITE_TOKEN): string | undefined {
  const token = given?.split(',')[0]?.trim()
  if (!token) return undefined
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new Error('The token must be ASCII without spaces: check WRITE_TOKEN or --token')
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * Keeps a load away from other people's servers: a remote host must be named twice.
 * @throws {Error} unless the site is on this machine, or `mine` is its host
 */
export function assertOwn({ base }: Target, mine: string | undefined) {
  const { hostname } = new URL(base)
  if (mine === hostname || (mine === undefined && isLoopback(hostname))) return
  if (mine !== undefined)
    throw new UsageError(`--mine must be ${hostname} as in --url, got "${mine}"`)
  throw new UsageError(`${hostname} is not this machine: add --mine ${hostname} if it is yours`)
}

function isLoopback(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  if (address === 'localhost') return true
  return loopback.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}

/** @throws {Error} if the site does not answer */
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
