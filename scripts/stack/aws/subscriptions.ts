import { paginateListSubscriptionsByTopic, SNSClient } from '@aws-sdk/client-sns'
import { call, collect, type Place } from './call.ts'

type Subscription = 'confirmed' | 'pending' | 'gone'

/** What has become of a topic's only subscription, which AWS drops after 48 hours unconfirmed. */
export async function readSubscription(
  { profile }: Place,
  topicArn: string,
): Promise<Subscription> {
  const client = new SNSClient({ region: topicArn.split(':')[3] ?? '', profile })
  const pages = await call(
    collect(paginateListSubscriptionsByTopic({ client }, { TopicArn: topicArn })),
  )
  const arns = pages.flatMap(({ Subscriptions = [] }) =>
    Subscriptions.map((each) => each.SubscriptionArn),
  )
  if (arns.some((arn) => arn?.startsWith('arn:'))) return 'confirmed'
  return arns.includes('PendingConfirmation') ? 'pending' : 'gone'
}
