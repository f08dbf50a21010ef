import { setTimeout as delay } from 'node:timers/promises'
import { readCredentials } from './metadata.ts'
import type { Credentials } from './sign.ts'

// AWS has new ones ready five minutes before the old ones expire.
const renewBeforeMs = 4 * 60_000
const askAgainAfterMs = 1000

/** The credentials of the instance's role, renewed in time. */
export class RoleCredentials {
  readonly #metadataUrl: string
  #current: Credentials | undefined
  #asking: Promise<Credentials> | undefined
  #askedAt = -Infinity

  constructor(metadataUrl: string) {
    this.#metadataUrl = metadataUrl
  }

  /** @throws {Error} if the metadata service has none */
  async get(): Promise<Credentials> {
    const current = this.#current
    if (current === undefined || isOver(current, 0)) return this.#ask()
    if (isOver(current, renewBeforeMs)) this.#ask().catch(() => {})
    return current
  }

  /** Reads new ones in place of those that AWS refused; resolves to whether that can help. */
  async renew(refused: Credentials): Promise<boolean> {
    if (this.#current === refused) await this.#ask().catch(() => {})
    return true
  }

  #ask(): Promise<Credentials> {
    this.#asking ??= this.#read().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #read(): Promise<Credentials> {
    const waitMs = this.#askedAt + askAgainAfterMs - performance.now()
    if (waitMs > 0) await delay(waitMs)
    this.#askedAt = performance.now()
    this.#current = await readCredentials(this.#metadataUrl)
    return this.#current
  }
}

/** Credentials that stay the same. */
export function fixedCredentials(credentials: Credentials) {
  return { get: async () => credentials, renew: async () => false }
}

function isOver({ expiresAt = Infinity }: Credentials, marginMs: number): boolean {
  return expiresAt - marginMs < Date.now()
}
