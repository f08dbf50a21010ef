import * as aws from '@pulumi/aws'
import type * as pulumi from '@pulumi/pulumi'
import { createBudget, createTopics, watchFromOutside } from '../alarms.ts'
import type { Config } from '../config.ts'
import type { Balancer } from './balancer.ts'

interface FleetAlarms {
  /** In alarm while a server does not serve. */
  unserved: aws.cloudwatch.MetricAlarm
  topics: pulumi.Output<string>[]
}

export const unservedMinutes = 5

/** Stops the replacement of machines, and e-mails if there is an address. */
export function createFleetAlarms(config: Config, balancer: Balancer): FleetAlarms {
  if (config.alarmEmail === '') return { unserved: watchServers(balancer, []), topics: [] }
  const { local, global, arns } = createTopics(config)
  const unserved = watchServers(balancer, [local.arn])
  const isSecure = config.domain !== ''
  const address = isSecure
    ? { type: 'HTTPS', fqdn: config.domain, port: 443 }
    : { type: 'HTTP', fqdn: balancer.host, port: 80 }
  watchFromOutside({ url: balancer.url, address }, ['outside', 'attention'], global)
  if (config.monthlyBudgetUsd > 0) createBudget(config)
  return { unserved, topics: arns }
}

/** A new machine takes a minute or two to boot. */
function watchServers({ balancer, targets }: Balancer, actions: pulumi.Input<string>[]) {
  return new aws.cloudwatch.MetricAlarm('unserved', {
    alarmDescription: `A machine has not answered /healthz with 200 for ${unservedMinutes} minutes`,
    namespace: 'AWS/ApplicationELB',
    metricName: 'UnHealthyHostCount',
    dimensions: { LoadBalancer: balancer.arnSuffix, TargetGroup: targets.arnSuffix },
    statistic: 'Maximum',
    comparisonOperator: 'GreaterThanOrEqualToThreshold',
    threshold: 1,
    period: 60,
    evaluationPeriods: unservedMinutes,
    treatMissingData: 'notBreaching',
    alarmActions: actions,
    okActions: actions,
  })
}
