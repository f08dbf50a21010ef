import * as aws from '@pulumi/aws'
import type * as pulumi from '@pulumi/pulumi'
import { createBudget, createTopics, watchFromOutside } from '../alarms.ts'
import type { Config } from '../config.ts'
import type { Balancer } from './balancer.ts'
import type { Tables } from './tables.ts'

interface FleetAlarms {
  /** In alarm while a server does not serve. */
  unserved: aws.cloudwatch.MetricAlarm
  topics: pulumi.Output<string>[]
}

export const unservedMinutes = 5

/** Stops the replacement of machines, and e-mails if there is an address. */
export function createFleetAlarms(config: Config, balancer: Balancer, tables: Tables): FleetAlarms {
  if (config.alarmEmail === '') return { unserved: watchServers(balancer, []), topics: [] }
  const { local, global, arns } = createTopics(config)
  const actions = [local.arn]
  const unserved = watchServers(balancer, actions)
  watchErrors(balancer, actions)
  watchThrottling(tables, actions)
  const isSecure = config.domain !== ''
  const address = isSecure
    ? { type: 'HTTPS', fqdn: config.domain, port: 443 }
    : { type: 'HTTP', fqdn: balancer.host, port: 80 }
  // The others ask about one machine, and the load balancer would ask any.
  watchFromOutside({ url: balancer.url, address }, ['outside'], global)
  if (config.monthlyBudgetUsd > 0) createBudget(config)
  return { unserved, topics: arns }
}

/** A new machine takes a minute or two to boot. */
function watchServers({ balancer, targets }: Balancer, actions: pulumi.Input<string>[]) {
  return watch('unserved', actions, {
    alarmDescription: `A machine has not answered /healthz with 200 for ${unservedMinutes} minutes`,
    namespace: 'AWS/ApplicationELB',
    metricName: 'UnHealthyHostCount',
    dimensions: { LoadBalancer: balancer.arnSuffix, TargetGroup: targets.arnSuffix },
    statistic: 'Maximum',
    threshold: 1,
    period: 60,
    evaluationPeriods: unservedMinutes,
  })
}

/** Errors of the servers, and of the load balancer when it reaches none. */
function watchErrors({ balancer }: Balancer, actions: pulumi.Input<string>[]) {
  const metrics = ['HTTPCode_Target_5XX_Count', 'HTTPCode_ELB_5XX_Count'].map((metricName) => ({
    namespace: 'AWS/ApplicationELB',
    metricName,
    dimensions: { LoadBalancer: balancer.arnSuffix },
  }))
  watch('errors', actions, {
    alarmDescription: 'At least 10 requests failed with 5xx in each of two periods of 5 minutes',
    metricQueries: sumOf(metrics),
    threshold: 10,
    evaluationPeriods: 2,
  })
}

/** The servers try again, and answer 503 only after three seconds. */
function watchThrottling(tables: Tables, actions: pulumi.Input<string>[]) {
  const metrics = Object.values(tables).flatMap(({ name: TableName }) =>
    ['ReadThrottleEvents', 'WriteThrottleEvents'].map((metricName) => ({
      namespace: 'AWS/DynamoDB',
      metricName,
      dimensions: { TableName },
    })),
  )
  watch('throttled', actions, {
    alarmDescription:
      'DynamoDB refused requests for being too many in each of three periods of 5 minutes',
    metricQueries: sumOf(metrics),
    threshold: 1,
    evaluationPeriods: 3,
  })
}

type Metric = Omit<aws.types.input.cloudwatch.MetricAlarmMetricQueryMetric, 'period' | 'stat'>

/** A metric without data counts as 0. */
function sumOf(metrics: Metric[]): aws.types.input.cloudwatch.MetricAlarmMetricQuery[] {
  const parts = metrics.map((metric, index) => ({
    id: `m${index + 1}`,
    metric: { ...metric, period: 300, stat: 'Sum' },
  }))
  const expression = parts.map(({ id }) => `FILL(${id}, 0)`).join(' + ')
  return [...parts, { id: 'sum', expression, label: 'Sum', returnData: true }]
}

function watch(
  name: string,
  actions: pulumi.Input<string>[],
  args: Omit<aws.cloudwatch.MetricAlarmArgs, 'comparisonOperator'>,
) {
  return new aws.cloudwatch.MetricAlarm(name, {
    ...args,
    comparisonOperator: 'GreaterThanOrEqualToThreshold',
    treatMissingData: 'notBreaching',
    alarmActions: actions,
    okActions: actions,
  })
}
