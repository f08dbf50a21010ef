const everyMs = 1000
const patienceLooks = 15

interface WatchOptions {
  /** The names to watch now. */
  list: () => string[]
  /** Resolves to whether one is alive, however late. */
  isAlive: (name: string) => Promise<boolean>
  /** Called for one that has not answered for 15 seconds. */
  onHung: (name: string) => void
}

/**
 * Finds processes that hang: that have not answered in 15 looks, a second apart. A question stays
 * open, so a process that is only slow still answers in time. Looks that come late do not count:
 * then the whole machine was slow, or suspended.
 */
export class Watch {
  readonly #options: WatchOptions
  readonly #silentLooks = new Map<string, number>()
  readonly #checking = new Set<string>()
  #lookedAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  start() {
    this.#timer = setInterval(() => this.look(), everyMs).unref()
  }

  stop() {
    clearInterval(this.#timer)
  }

  /** Whether one has not answered for a second or two. */
  isSilent(name: string): boolean {
    return (this.#silentLooks.get(name) ?? 0) > 1
  }

  look(now = performance.now()) {
    const isLate = now - this.#lookedAt > 2 * everyMs
    this.#lookedAt = now
    const names = this.#options.list()
    for (const known of this.#silentLooks.keys()) {
      if (!names.includes(known)) this.#silentLooks.delete(known)
    }
    for (const name of names) this.#lookAt(name, isLate)
  }

  #lookAt(name: string, isLate: boolean) {
    const looks = (this.#silentLooks.get(name) ?? 0) + (isLate ? 0 : 1)
    this.#silentLooks.set(name, looks)
    if (looks > patienceLooks) {
      this.#silentLooks.set(name, 0)
      this.#options.onHung(name)
    }
    if (!this.#checking.has(name)) this.#check(name)
  }

  async #check(name: string) {
    this.#checking.add(name)
    if (await this.#options.isAlive(name)) this.#silentLooks.set(name, 0)
    this.#checking.delete(name)
  }
}
