import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { problemsOfAlarms } from '../../scripts/stack/alarms.ts'
import { startAws } from '../support/aws-api.ts'

const aws = await startAws({ after })
Object.assign(process.env, aws.env)

const here = 'arn:aws:sns:eu-central-1:123456789012:onebox-dev-alarms-1a2b3c4'
const global = 'arn:aws:sns:us-east-1:123456789012:onebox-dev-outside-1a2b3c4'
const place = { region: 'eu-central-1', profile: undefined }

function problems(subscriptions: Record<string, string>, alarmTopics = [here, global]) {
  aws.subscriptions = subscriptions
  return problemsOfAlarms('dev', place, { alarmTopics })
}

test('there is no problem with alarms that are off or confirmed', async () => {
  assert.deepEqual(await problems({}, []), [])
  assert.deepEqual(await problems({ [here]: `${here}:1`, [global]: `${global}:2` }), [])
  assert.ok(aws.requests.some((request) => request.startsWith('sns us-east-1 ')))
})

test('unconfirmed mails are counted', async () => {
  const pending = 'PendingConfirmation'
  const until = 'to be confirmed: until then alarms reach nobody, and after 48 hours it is too late'
  assert.deepEqual(await problems({ [here]: pending, [global]: pending }), [
    `2 mails from AWS wait ${until}`,
  ])
  assert.deepEqual(await problems({ [here]: `${here}:1`, [global]: pending }), [
    `1 mail from AWS waits ${until}`,
  ])
})

test('lost subscriptions are reported with the cure', async () => {
  const [problem, ...others] = await problems({ [here]: 'Deleted' })
  assert.deepEqual(others, [])
  assert.match(
    problem ?? '',
    /^Alarms of 2 topics reach nobody, .*: npx onebox pulumi refresh --yes --stack dev, then npx onebox up --stack dev$/,
  )
})

test('a refused lookup of subscriptions is reported, and stops nothing', async () => {
  aws.refusal = 'AccessDenied'
  const [problem, ...others] = await problems({})
  aws.refusal = undefined
  assert.deepEqual(others, [])
  assert.match(problem ?? '', /^Cannot check whether alarms reach anybody: AWS denies this/)
})
