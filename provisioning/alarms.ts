import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Config } from './config.ts'
import type { Instance } from './instance.ts'
import type { Machine } from './machine.ts'

/** Where Route 53 keeps the results of its health checks. */
const globalRegion = 'us-east-1'

/**
 * Emails when the server is in trouble, and recovers or reboots the instance if that may help.
 * Returns the topics' ARNs; AWS asks for a confirmation for each.
 */
export function createAlarms(
  config: Config,
  { isBurstable }: Machine,
  instance: Instance,
): pulumi.Output<string>[] {
  if (config.alarmEmail === '') return []
  const { local, global, arns } = createTopics(config)
  watchInstance(config, instance, local)
  if (isBurstable) watchCredits(instance, local)
  const address = { type: 'HTTP', ipAddress: instance.ip, port: 80 }
  const url = pulumi.interpolate`http://${instance.ip}`
  watchFromOutside({ url, address }, Object.keys(outsideChecks) as OutsideCheck[], global)
  if (config.monthlyBudgetUsd > 0) createBudget(config)
  return arns
}

/** One for alarms in the stack's region, and one for those of Route 53. */
export function createTopics(config: Config) {
  const local = createTopic(config, 'alarms', config.region)
  const global =
    config.region === globalRegion ? local : createTopic(config, 'outside', globalRegion)
  return { local, global, arns: [...new Set([local, global])].map(({ arn }) => arn) }
}

function createTopic({ alarmEmail }: Config, name: string, region: string): aws.sns.Topic {
  const topic = new aws.sns.Topic(name, { region })
  new aws.sns.TopicSubscription(name, {
    region,
    topic: topic.arn,
    protocol: 'email',
    endpoint: alarmEmail,
  })
  return topic
}

/** The reboot waits longer, so that the two remedies do not interfere. */
function watchInstance({ region }: Config, { id }: Instance, topic: aws.sns.Topic) {
  const remedies = [
    { what: 'System', remedy: 'recover', minutes: 2, trouble: 'hardware' },
    { what: 'Instance', remedy: 'reboot', minutes: 3, trouble: 'operating system' },
  ]
  for (const { what, remedy, minutes, trouble } of remedies) {
    new aws.cloudwatch.MetricAlarm(remedy, {
      alarmDescription: `The instance's ${trouble} has failed: AWS will ${remedy} it`,
      namespace: 'AWS/EC2',
      metricName: `StatusCheckFailed_${what}`,
      dimensions: { InstanceId: id },
      statistic: 'Maximum',
      comparisonOperator: 'GreaterThanOrEqualToThreshold',
      threshold: 1,
      period: 60,
      evaluationPeriods: minutes,
      alarmActions: [topic.arn, `arn:aws:automate:${region}:ec2:${remedy}`],
      okActions: [topic.arn],
    })
  }
}

/** A new instance has no credits yet, so the alarm takes two hours without any. */
function watchCredits({ id }: Instance, topic: aws.sns.Topic) {
  new aws.cloudwatch.MetricAlarm('credits', {
    alarmDescription: 'The instance has had no CPU credits for two hours, so it is slow',
    namespace: 'AWS/EC2',
    metricName: 'CPUCreditBalance',
    dimensions: { InstanceId: id },
    statistic: 'Maximum',
    comparisonOperator: 'LessThanThreshold',
    threshold: 2,
    period: 300,
    evaluationPeriods: 24,
    alarmActions: [topic.arn],
    okActions: [topic.arn],
  })
}

type OutsideCheck = keyof typeof outsideChecks

/** Of one box over plain HTTP, which answers whatever the certificate is like. */
const outsideChecks = {
  outside: {
    path: '/healthz',
    minutes: 2,
    trouble: 'AWS gets no 200 for /healthz from outside the instance',
  },
  // A new instance takes minutes to get its certificate, and an order may have to wait.
  certificate: {
    path: '/healthz/certificate',
    minutes: 60,
    trouble: 'The certificate expires in less than two days, or there is none',
  },
  // A new instance makes its first backup and drill within minutes.
  backups: {
    path: '/healthz/backups',
    minutes: 60,
    trouble: 'No backup reaches the bucket, or none could be restored to a scratch file',
  },
  // One check for all of it is cheaper than a metric or a check for each.
  attention: {
    path: '/healthz/attention',
    minutes: 5,
    trouble:
      'The disk or the memory is nearly used up, a worker does not answer, or a deploy was rejected',
  },
}

/** Requests paths from several continents every 30 s. */
export function watchFromOutside(
  { url, address }: { url: pulumi.Output<string>; address: aws.route53.HealthCheckArgs },
  names: OutsideCheck[],
  topic: aws.sns.Topic,
) {
  for (const name of names) {
    const { path, minutes, trouble } = outsideChecks[name]
    const check = new aws.route53.HealthCheck(name, {
      ...address,
      resourcePath: path,
      requestInterval: 30,
      failureThreshold: 3,
    })
    new aws.cloudwatch.MetricAlarm(name, {
      region: globalRegion,
      alarmDescription: pulumi.interpolate`${trouble}: ${url}${path} says more`,
      namespace: 'AWS/Route53',
      metricName: 'HealthCheckStatus',
      dimensions: { HealthCheckId: check.id },
      statistic: 'Minimum',
      comparisonOperator: 'LessThanThreshold',
      threshold: 1,
      period: 60,
      evaluationPeriods: minutes,
      treatMissingData: 'breaching',
      alarmActions: [topic.arn],
      okActions: [topic.arn],
    })
  }
}

/** For the whole account: costs by tag would have to be enabled in its billing first. */
export function createBudget({ alarmEmail, monthlyBudgetUsd }: Config) {
  new aws.budgets.Budget('monthly', {
    budgetType: 'COST',
    timeUnit: 'MONTHLY',
    limitAmount: String(monthlyBudgetUsd),
    limitUnit: 'USD',
    notifications: ['FORECASTED', 'ACTUAL'].map((notificationType) => ({
      notificationType,
      comparisonOperator: 'GREATER_THAN',
      threshold: 100,
      thresholdType: 'PERCENTAGE',
      subscriberEmailAddresses: [alarmEmail],
    })),
  })
}
