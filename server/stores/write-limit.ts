import { tryLater } from '../http/http-error.ts'

type Write<Input extends unknown[], Output> = (...input: Input) => Promise<Output>

/** Counts writes under way, and refuses more than a limit. */
export class WriteLimit {
  readonly #limit: number
  underWay = 0
  /** Since the start. */
  completed = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The same write. @throws {HttpError} 503 if too many are under way */
  bound<Input extends unknown[], Output>(write: Write<Input, Output>): Write<Input, Output> {
    return async (...input) => {
      if (this.underWay >= this.#limit) {
        throw tryLater(503, 'Too many writes are waiting for DynamoDB: try again in a second', 1)
      }
      this.underWay += 1
      try {
        const output = await write(...input)
        this.completed += 1
        return output
      } finally {
        this.underWay -= 1
      }
    }
  }
}
