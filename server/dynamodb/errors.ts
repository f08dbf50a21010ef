import { type HttpError, tryLater } from '../http/http-error.ts'
import type { Item } from './item.ts'

/** Why a transaction was cancelled, for one of its items. */
export interface Reason {
  Code?: string
  /** What is stored, if the call asked for it. */
  Item?: Item
}

/** What DynamoDB answered instead of what was asked for. */
export class DynamoError extends Error {
  readonly code: string
  readonly status: number
  readonly reasons: Reason[]
  /** What is stored, if a condition failed and the call asked for it. */
  readonly item: Item | undefined
  /** DynamoDB's own time, in milliseconds since the Unix epoch. */
  readonly time: number

  constructor(operation: string, status: number, body: string, date = '') {
    const { __type = '', message, Message, CancellationReasons, Item } = parse(body)
    const code = __type.split('#').at(-1) || 'no code'
    super(`DynamoDB answered ${status} ${code} to ${operation}: ${message ?? Message ?? ''}`)
    this.code = code
    this.status = status
    this.reasons = CancellationReasons ?? []
    this.item = Item
    this.time = Date.parse(date)
  }

  /** Whether the conditions of the call were the only thing against it. */
  get isConditionFailed(): boolean {
    if (this.code === 'ConditionalCheckFailedException') return true
    const codes = this.#codes()
    return codes.length > 0 && codes.every((code) => code === 'ConditionalCheckFailed')
  }

  /** What to do about it, if trying again can help. */
  get remedy(): 'wait' | 'retry' | 'renew' | 'set clock' | undefined {
    if (waiting.has(this.code) || this.#codes().some((code) => waiting.has(code))) return 'wait'
    if (this.status >= 500 || conflicts.has(this.code)) return 'retry'
    if (this.#codes().includes('TransactionConflict')) return 'retry'
    if (expired.has(this.code)) return 'renew'
    return this.code === 'InvalidSignatureException' && this.time > 0 ? 'set clock' : undefined
  }

  #codes(): string[] {
    return this.reasons.map(({ Code = 'None' }) => Code).filter((code) => code !== 'None')
  }
}

const waiting = new Set([
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
  'ThrottlingException',
  'ThrottlingError',
])

// Two transactions on one item cancel each other, and no SDK tries again.
const conflicts = new Set([
  'TransactionConflictException',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
])

const expired = new Set(['ExpiredTokenException', 'UnrecognizedClientException'])

/** @throws {DynamoError} unless only conditions failed */
export function assertConditionFailed(error: unknown): asserts error is DynamoError {
  if (!(error instanceof DynamoError && error.isConditionFailed)) throw error
}

export function noAnswer(cause: Error): HttpError {
  return because(cause, 'DynamoDB does not answer: try again in a second')
}

export function tooBusy(cause?: Error): HttpError {
  return because(cause, 'DynamoDB is busy: try again in a second')
}

function because(cause: Error | undefined, detail: string): HttpError {
  const error = tryLater(503, detail, 1)
  error.cause = cause
  return error
}

function parse(body: string) {
  try {
    return JSON.parse(body)
  } catch {
    return {}
  }
}
