/** Carries out the inputs of several callers with one call; gives an output for each. */
type Run<Input, Output> = (inputs: Input[]) => Promise<Output[]>

interface Group<Input, Output> {
  inputs: Input[]
  outputs: PromiseWithResolvers<Output[]>
}

/**
 * One call for many callers. Each joins a call that starts later, never one under way: an earlier read
 * may miss a write that was acknowledged in between.
 */
class Together<Input, Output> {
  readonly #run: Run<Input, Output>
  readonly #atOnce: number
  #next: Group<Input, Output> | undefined
  #isScheduled = false
  #running = 0

  constructor(run: Run<Input, Output>, atOnce: number) {
    this.#run = run
    this.#atOnce = atOnce
  }

  get isIdle(): boolean {
    return this.#running === 0 && this.#next === undefined
  }

  async join(input: Input): Promise<Output> {
    this.#next ??= { inputs: [], outputs: Promise.withResolvers() }
    const { inputs, outputs } = this.#next
    const index = inputs.push(input) - 1
    this.#schedule()
    return (await outputs.promise)[index] as Output
  }

  // At the end of the turn, for all callers of this turn.
  #schedule() {
    if (this.#isScheduled || this.#running >= this.#atOnce || this.#next === undefined) return
    this.#isScheduled = true
    setImmediate(() => this.#start())
  }

  async #start() {
    const { inputs, outputs } = this.#next as Group<Input, Output>
    this.#next = undefined
    this.#isScheduled = false
    this.#running += 1
    await this.#run(inputs).then(outputs.resolve, outputs.reject)
    this.#running -= 1
    this.#schedule()
  }
}

/** Makes the function that joins callers by key; `atOnce` calls of one key may be under way. */
export function together<Input, Output>(
  run: (inputs: Input[], key: string) => Promise<Output[]>,
  { atOnce }: { atOnce: number },
): (key: string, input: Input) => Promise<Output> {
  const byKey = new Map<string, Together<Input, Output>>()

  return async function join(key, input) {
    const group = byKey.get(key) ?? new Together((inputs) => run(inputs, key), atOnce)
    byKey.set(key, group)
    try {
      return await group.join(input)
    } finally {
      if (group.isIdle) byKey.delete(key)
    }
  }
}

/** The same for reads, whose callers all get the same. Two at once halve the wait; more gain nothing. */
export function readTogether<Value>(
  read: (key: string) => Promise<Value>,
): (key: string) => Promise<Value> {
  const join = together<void, Value>(
    async (callers, key) => {
      const value = await read(key)
      return callers.map(() => value)
    },
    { atOnce: 2 },
  )
  return (key) => join(key)
}

/** Makes the function that runs the tasks of one key one after another. */
export function inTurn(): <Result>(key: string, task: () => Promise<Result>) => Promise<Result> {
  const last = new Map<string, Promise<unknown>>()

  return async function run(key, task) {
    const before = last.get(key)
    const result = before ? before.then(task, task) : task()
    last.set(key, result)
    try {
      return await result
    } finally {
      if (last.get(key) === result) last.delete(key)
    }
  }
}
