import type { DynamoClient } from '../dynamodb/client.ts'
import { counter, type Family, gauge } from './metrics.ts'

const help = {
  calls: 'Calls of DynamoDB, each try counted.',
  failures: 'Calls of DynamoDB that failed, before they were tried again.',
  seconds: 'Time spent waiting for DynamoDB, in seconds.',
  clock: 'How far the clock of the machine is off, according to DynamoDB, in seconds.',
}

export function dynamoMetrics(
  { totals, clockErrorSeconds }: DynamoClient,
  writes: { underWay: number; completed: number },
): Family[] {
  return [
    counter('onebox_writes_total', 'Database writes completed.', writes.completed),
    gauge('onebox_write_queue', 'Database writes waiting for DynamoDB.', writes.underWay),
    counter('onebox_dynamodb_calls_total', help.calls, totals.calls),
    counter('onebox_dynamodb_failures_total', help.failures, totals.failures),
    counter('onebox_dynamodb_seconds_total', help.seconds, totals.seconds),
    gauge('onebox_dynamodb_clock_error_seconds', help.clock, clockErrorSeconds),
  ]
}
