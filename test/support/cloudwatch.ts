import type { Properties } from './properties.ts'

type State = 'INSUFFICIENT_DATA' | 'OK' | 'ALARM'

export interface Mail {
  state: State
  subject: string
  description: string
}

const breaches: Record<string, (value: number, threshold: number) => boolean> = {
  LessThanThreshold: (value, threshold) => value < threshold,
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
}

/**
 * A CloudWatch metric alarm with these inputs, which is given a value for each of its periods, or
 * none. Like CloudWatch, it acts on changes of its state only.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
export class Alarm {
  readonly #inputs: Properties
  readonly #mails: Mail[] = []
  #state: State = 'INSUFFICIENT_DATA'
  #values: (number | undefined)[] = []

  constructor(inputs: Properties) {
    this.#inputs = inputs
  }

  /** One after the other; returns the mails that follow. */
  observe(values: (number | undefined)[]): Mail[] {
    for (const value of values) {
      this.#values = [...this.#values, value].slice(-this.#inputs.evaluationPeriods)
      this.#change(this.#evaluate())
    }
    return this.#mails.splice(0)
  }

  #evaluate(): State {
    const { evaluationPeriods, treatMissingData } = this.#inputs
    const isKnown =
      treatMissingData === 'breaching' || this.#values.some((each) => each !== undefined)
    if (!isKnown) return 'INSUFFICIENT_DATA'
    if (this.#values.some((value) => !this.#isBreaching(value))) return 'OK'
    return this.#values.length < evaluationPeriods ? this.#state : 'ALARM'
  }

  #isBreaching(value: number | undefined): boolean {
    const { comparisonOperator, threshold, treatMissingData } = this.#inputs
    if (value === undefined) return treatMissingData !== 'notBreaching'
    const breaks = breaches[comparisonOperator]
    if (!breaks) throw new Error(`The test does not know ${comparisonOperator}`)
    return breaks(value, threshold)
  }

  /** The first OK of a new alarm comes from too little data, which is mailed too. */
  #change(state: State) {
    if (state === this.#state) return
    this.#state = state
    const { name, alarmDescription: description, alarmActions, okActions } = this.#inputs
    const actions: Record<State, string[]> = {
      ALARM: alarmActions,
      OK: okActions,
      INSUFFICIENT_DATA: [],
    }
    const mails = actions[state].filter((arn) => /:sns[:/]/.test(arn))
    for (const _ of mails) this.#mails.push({ state, subject: `${state}: "${name}"`, description })
  }
}
