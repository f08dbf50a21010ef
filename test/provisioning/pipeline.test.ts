import assert from 'node:assert/strict'
import test from 'node:test'
import { pipelineSubjects, runOnebox, statementsOf } from './onebox.ts'

const { preview, release, infrastructure } = pipelineSubjects
const providerArn = 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com'
const bucket = 'arn:aws:s3:::onebox-dev-releases-1a2b3c4'
const stateFiles = [
  'arn:aws:s3:::my-state/.pulumi/*/onebox/dev.*',
  'arn:aws:s3:::my-state/.pulumi/*/onebox/dev/*',
]

const plain = await runOnebox()
const stack = await runOnebox({
  settings: {
    previewSubject: preview,
    releaseSubject: release,
    infrastructureSubject: infrastructure,
    stateBucket: 'my-state',
  },
})
const sharing = await runOnebox({
  settings: { previewSubject: preview, githubProviderArn: providerArn },
})

test('without a subject there are no pipeline resources', () => {
  assert.deepEqual(plain.all('iam.OpenIdConnectProvider'), [])
  assert.deepEqual(plain.all('iam.Role').filter(isOfPipeline), [])
  assert.deepEqual(plain.outputs.pipelineRoles, {})
})

test('the pipeline adds its roles and changes nothing else', () => {
  const added = stack.resources.filter(({ urn }) => !plain.resources.some((one) => one.urn === urn))
  assert.deepEqual(new Set(added.map(({ name }) => name)), new Set(['github', ...roleNames()]))
  for (const resource of plain.resources) {
    assert.deepEqual(
      stack.resources.find(({ urn }) => urn === resource.urn),
      resource,
    )
  }
})

test('the roles are an output, by name', () => {
  assert.deepEqual(stack.outputs.pipelineRoles, {
    preview: 'arn:aws:aws:iam/role:Role:pipeline-preview',
    release: 'arn:aws:aws:iam/role:Role:pipeline-release',
    infrastructure: 'arn:aws:aws:iam/role:Role:pipeline-infrastructure',
  })
})

test('one subject makes one role, and uses the account’s own provider if it is set', () => {
  const roles = sharing.all('iam.Role').filter(isOfPipeline)
  const trusted = roles.map(({ name, inputs }) => [name, inputs.assumeRolePolicy.Statement])
  assert.equal(trusted.length, 1)
  assert.match(
    JSON.stringify(trusted),
    new RegExp(`pipeline-preview.*"Federated":"${providerArn}"`),
  )
  assert.deepEqual(sharing.all('iam.OpenIdConnectProvider'), [])
  assert.doesNotMatch(JSON.stringify(statementsOf(sharing, 'pipeline-preview')), /\.pulumi/)
})

test('the preview role can only read', () => {
  assert.deepEqual(granted('preview'), {
    'ec2:DescribeImages': ['*'],
    'ec2:DescribeInstanceTypeOfferings': ['*'],
    'ec2:DescribeInstanceTypes': ['*'],
    'ec2:DescribeInstances': ['*'],
    's3:GetObject': [`${bucket}/*`, 'arn:aws:s3:::my-state/.pulumi/meta.yaml', ...stateFiles],
    's3:GetObjectTagging': [`${bucket}/*`],
    's3:ListBucket': [bucket, 'arn:aws:s3:::my-state'],
    'ssm:GetParameter': ['arn:aws:ssm:eu-central-1::parameter/aws/service/debian/*'],
  })
})

test('the release role also writes archives, desired.json and the stack’s state', () => {
  const {
    'ec2:GetConsoleOutput': _,
    'sns:ListSubscriptionsByTopic': topics,
    ...more
  } = without(granted('release'), granted('preview'))
  const objects = [`${bucket}/desired.json`, `${bucket}/releases/*`, `${bucket}/runtimes/*`]
  assert.deepEqual(topics, ['arn:aws:sns:*:*:onebox-dev-*'])
  assert.deepEqual(more, {
    's3:PutObject': [...objects, ...stateFiles],
    's3:PutObjectTagging': objects,
    's3:DeleteObject': stateFiles,
  })
})

test('the infrastructure role can change machines and disks only of its own stack', () => {
  const harmful = /^ec2:(?!Create|Describe|Run).*(Instance|Volume)/
  const statements = statementsOf(stack, 'pipeline-infrastructure').filter(({ Action }) =>
    Action.some((action: string) => harmful.test(action)),
  )
  assert.deepEqual(
    statements.map(({ Condition }) => Condition),
    [{ StringEquals: { 'aws:ResourceTag/Project': 'onebox', 'aws:ResourceTag/Stack': 'dev' } }],
  )
  assert.ok(statements[0]?.Action.includes('ec2:TerminateInstances'))
  assert.ok(statements[0]?.Action.includes('ec2:DeleteVolume'))
})

test('the infrastructure role’s writes are limited to the stack’s region, tags or names', () => {
  const free = statementsOf(stack, 'pipeline-infrastructure')
    .filter(({ Resource, Condition }) => Resource === '*' && Condition === undefined)
    .flatMap(({ Action }) => Action)
  assert.deepEqual(
    free.filter((action) => !action.startsWith('ec2:Describe')),
    ['route53:CreateHealthCheck'],
  )
})

function isOfPipeline({ name }: { name: string }): boolean {
  return name.startsWith('pipeline-')
}

function roleNames(): string[] {
  return Object.keys(pipelineSubjects).map((name) => `pipeline-${name}`)
}

/** What a role may do, action by action. */
function granted(role: string): Record<string, string[]> {
  const grants: Record<string, string[]> = {}
  for (const { Action, Resource } of statementsOf(stack, `pipeline-${role}`)) {
    for (const action of Action) grants[action] = [...(grants[action] ?? []), Resource].flat()
  }
  return grants
}

function without(grants: Record<string, string[]>, others: Record<string, string[]>) {
  return Object.fromEntries(Object.entries(grants).filter(([action]) => !(action in others)))
}
