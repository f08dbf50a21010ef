import type { Place } from './aws/call.ts'
import { readSubscription } from './aws/subscriptions.ts'
import type { Outputs } from './outputs.ts'

/** Why alarms would reach nobody, a sentence for each reason. Names no address: logs may be public. */
export async function problemsOfAlarms(
  stack: string,
  place: Place,
  { alarmTopics = [] }: Partial<Pick<Outputs, 'alarmTopics'>>,
): Promise<string[]> {
  try {
    const all = await Promise.all(alarmTopics.map((topic) => readSubscription(place, topic)))
    const [pending, gone] = ['pending', 'gone'].map((wanted) => {
      return all.filter((each) => each === wanted).length
    })
    return [...pendingText(pending ?? 0), ...goneText(gone ?? 0, stack)]
  } catch (error) {
    return [`Cannot check whether alarms reach anybody: ${(error as Error).message}`]
  }
}

/** Outside us-east-1 there are two topics, and so two mails. */
function pendingText(count: number): string[] {
  if (count === 0) return []
  const mails = count === 1 ? '1 mail from AWS waits' : `${count} mails from AWS wait`
  return [
    `${mails} to be confirmed: until then alarms reach nobody, and after 48 hours it is too late`,
  ]
}

function goneText(count: number, stack: string): string[] {
  if (count === 0) return []
  const topics = count === 1 ? '1 topic' : `${count} topics`
  const cure = `npx onebox pulumi refresh --yes --stack ${stack}, then npx onebox up --stack ${stack}`
  return [`Alarms of ${topics} reach nobody, as the mail was not confirmed in time: ${cure}`]
}
