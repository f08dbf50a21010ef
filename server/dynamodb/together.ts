import { HttpError } from '../http/http-error.ts'

/** So many callers need not wait for more, nor for a call under way. */
const crowd = 64
/** How long fewer wait for more while these keep coming. */
const gatherMs = 2
const readsAtOnce = 4

interface Group<Input, Result> {
  inputs: Input[]
  result: PromiseWithResolvers<Result>
}

interface Options<Input, Result> {
  run: (inputs: Input[]) => Promise<Result>
  atOnce: number
  onIdle: () => void
}

/**
 * One call for many callers. Each joins a call that starts later, never one under way: an earlier read
 * may miss a write that was acknowledged in between. Callers who had an answer at the same time often
 * come back at the same time, so a call waits until they are all there.
 */
class Together<Input, Result> {
  readonly #options: Options<Input, Result>
  #next: Group<Input, Result> | undefined
  #isGathering = false
  #running = 0

  constructor(options: Options<Input, Result>) {
    this.#options = options
  }

  /** Gives the result for all, and which of their inputs this one is. */
  join(input: Input): { result: Promise<Result>; index: number } {
    this.#next ??= { inputs: [], result: Promise.withResolvers() }
    const { inputs, result } = this.#next
    const index = inputs.push(input) - 1
    this.#schedule()
    return { result: result.promise, index }
  }

  #schedule() {
    if (this.#isGathering || this.#next === undefined) return
    const most = this.#next.inputs.length < crowd ? 1 : this.#options.atOnce
    if (this.#running >= most) return
    this.#isGathering = true
    this.#gather(0, performance.now())
  }

  /** Starts after a turn in which nobody joined. */
  #gather(before: number, since: number) {
    setImmediate(() => {
      const length = this.#next?.inputs.length ?? 0
      const isGrowing = length > before && length < crowd
      if (isGrowing && performance.now() - since < gatherMs) return this.#gather(length, since)
      this.#isGathering = false
      this.#start(this.#take())
    })
  }

  async #start(group: Group<Input, Result> | undefined) {
    if (!group) return
    this.#running += 1
    try {
      group.result.resolve(await this.#options.run(group.inputs))
    } catch (error) {
      group.result.reject(error)
      // Those who wait have waited long enough.
      if (error instanceof HttpError && error.status === 503) this.#take()?.result.reject(error)
    }
    this.#running -= 1
    if (this.#next) this.#schedule()
    else if (this.#running === 0) this.#options.onIdle()
  }

  #take(): Group<Input, Result> | undefined {
    const group = this.#next
    this.#next = undefined
    return group
  }
}

/** One of those above for each key, as long as it has callers. */
function byKey<Input, Result>(
  run: (inputs: Input[], key: string) => Promise<Result>,
  atOnce: number,
) {
  const all = new Map<string, Together<Input, Result>>()

  return function togetherFor(key: string): Together<Input, Result> {
    const known = all.get(key)
    if (known) return known
    const onIdle = () => all.delete(key)
    const made = new Together<Input, Result>({ run: (inputs) => run(inputs, key), atOnce, onIdle })
    all.set(key, made)
    return made
  }
}

/**
 * Makes the function that joins callers by key; `run` gives an output for each input, and `atOnce` calls
 * of one key may be under way.
 */
export function together<Input, Output>(
  run: (inputs: Input[], key: string) => Promise<Output[]>,
  { atOnce }: { atOnce: number },
): (key: string, input: Input) => Promise<Output> {
  const togetherFor = byKey(run, atOnce)

  return async function join(key, input) {
    const { result, index } = togetherFor(key).join(input)
    return (await result)[index] as Output
  }
}

/** The same for reads, whose callers all get the same. */
export function readTogether<Value>(
  read: (key: string) => Promise<Value>,
): (key: string) => Promise<Value> {
  const togetherFor = byKey<void, Value>((_callers, key) => read(key), readsAtOnce)
  return (key) => togetherFor(key).join().result
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
