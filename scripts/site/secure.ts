import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { Health } from '../../server/operations/health.ts'
import { duration } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'
import { readHealth } from './health.ts'

/** Where a stack's site is. */
export interface SiteAddress {
  /** Plain, which always answers. */
  url: string
  ip: string
  /** Empty if it has none. */
  domain?: string
}

// An order takes seconds; the instance looks every two minutes.
const patienceMs = 5 * 60_000
const pollMs = 2000

/** The address to use: over HTTPS if the certificate in use is for the domain, or for the address. */
export function bestUrl(
  { url, ip, domain }: SiteAddress,
  { https }: Pick<Health, 'https'>,
): string {
  const host = [domain, ip].find((name) => name && https?.names.includes(name))
  return host === undefined ? url : `https://${host}`
}

/** The same of the site as it is now; its plain address if it does not answer. */
export async function findUrl(address: SiteAddress): Promise<string> {
  return readHealth(address.url).then(
    (health) => bestUrl(address, health),
    () => address.url,
  )
}

/**
 * Waits for the certificate of every name, and prints each change meanwhile. A site without one is up
 * all the same, so this says why and when, and never fails.
 * @returns the address to use
 */
export async function waitForHttps(address: SiteAddress): Promise<string> {
  const wanted = [address.ip, ...(address.domain ? [address.domain] : [])]
  const startedAt = performance.now()
  for (let last = ''; ; await sleep(pollMs)) {
    const health = await readHealth(address.url).catch(() => undefined)
    const { https } = health ?? {}
    // A release from before HTTPS.
    if (health && https === undefined) return address.url
    const missing = wanted.filter((name) => !https?.names.includes(name))
    if (missing.length === 0) return bestUrl(address, { https })
    if (last === '') step('Waiting for HTTPS')
    const state = https?.problem ?? 'A certificate is on its way'
    const elapsedMs = performance.now() - startedAt
    if (state !== last) console.log(`  ${duration(elapsedMs / 1000).padStart(10)}  ${state}`)
    last = state
    // Whose record somebody has to change first.
    const isElsewhere = missing.every((name) => https?.leftOut?.includes(name))
    if (elapsedMs < patienceMs && !isElsewhere && !isLater(https?.nextTryAt)) continue
    const when = https?.nextTryAt ? `; next try at ${https.nextTryAt}` : ''
    warn(`No HTTPS for ${missing.join(' and ')} yet: ${state}${when}. npx onebox status shows more`)
    return bestUrl(address, { https })
  }
}

/** Whether the authority wants to be left alone for longer than anyone waits. */
function isLater(nextTryAt: string | undefined): boolean {
  return Date.parse(nextTryAt ?? '') > Date.now() + patienceMs
}

function warn(text: string) {
  console.log(styleText('yellow', `! ${text}`))
}
