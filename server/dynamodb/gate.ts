const probeEveryMs = 100

/** Holds calls back while a service is away: one in 100 ms goes out, until one is answered. */
export class Gate {
  readonly #waiting = new Set<(passes: boolean) => void>()
  #isOpen = true
  #probedAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  /** Resolves to whether the call may go out within that time. */
  enter(timeoutMs: number): Promise<boolean> {
    if (this.#isOpen) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(false), timeoutMs)
      const settle = (passes: boolean) => {
        clearTimeout(timer)
        this.#waiting.delete(settle)
        resolve(passes)
      }
      this.#waiting.add(settle)
      this.#schedule()
    })
  }

  /** The service answered a call. */
  open() {
    this.#isOpen = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const settle of this.#waiting) settle(true)
  }

  /** A call had no answer. */
  close() {
    this.#isOpen = false
  }

  #schedule() {
    if (this.#timer !== undefined || this.#waiting.size === 0) return
    const waitMs = Math.max(0, this.#probedAt + probeEveryMs - performance.now())
    this.#timer = setTimeout(() => this.#probe(), waitMs)
  }

  #probe() {
    this.#timer = undefined
    this.#probedAt = performance.now()
    const [first] = this.#waiting
    first?.(true)
    this.#schedule()
  }
}
