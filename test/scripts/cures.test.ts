import assert from 'node:assert/strict'
import test from 'node:test'
import { cureFor } from '../../scripts/stack/cures.ts'

const refusals: [reason: string, cure: RegExp][] = [
  [
    'iam.OpenIdConnectProvider github: creating IAM OIDC Provider: EntityAlreadyExists: Provider with url https://token.actions.githubusercontent.com already exists.',
    /npx onebox pulumi config --stack prod set onebox:githubProviderArn ARN /,
  ],
  [
    'cloudwatch.MetricAlarm recover: creating CloudWatch Metric Alarm: AccessDenied: User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: iam:CreateServiceLinkedRole on resource: arn:aws:iam::123456789012:role/aws-service-role/events.amazonaws.com/AWSServiceRoleForCloudWatchEvents',
    /--aws-service-name events\.amazonaws\.com$/,
  ],
  [
    'budgets.Budget monthly: creating Budget: AccessDeniedException: User: arn:aws:iam::123456789012:user/anna is not authorized to perform: budgets:ModifyBudget',
    /IAM access to billing, or run npx onebox pulumi config --stack prod rm onebox:monthlyBudgetUsd$/,
  ],
  [
    "ec2.Instance server-arm64: waiting for EC2 Instance (i-0123) create: unexpected state 'shutting-down', wanted target 'running'. last error: Client.InternalError: Client error on launch",
    /kms:CreateGrant.*reset-ebs-default-kms-key-id$/,
  ],
  [
    "ec2.Instance server-arm64: waiting for EC2 Instance (i-0123) create: unexpected state 'shutting-down', wanted target 'running'. last error: Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state",
    /kms:CreateGrant/,
  ],
  [
    'ec2.Eip server: creating EC2 EIP: AddressLimitExceeded: The maximum number of addresses has been reached.',
    /Elastic IP address .* Service Quotas$/,
  ],
  [
    'ec2.Vpc vpc: creating EC2 VPC: VpcLimitExceeded: The maximum number of VPCs has been reached.',
    /VPC .* Service Quotas$/,
  ],
  [
    'ec2.Instance server-arm64: creating EC2 Instance: VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 0 allows',
    /Service Quotas$/,
  ],
  [
    'ec2.Instance server-arm64: creating EC2 Instance: InsufficientInstanceCapacity: We currently do not have sufficient t4g.nano capacity in the Availability Zone you requested (eu-central-1a).',
    /config --stack prod set onebox:instanceType TYPE .* --zone ZONE, and --restore SNAPSHOT/,
  ],
  [
    'ec2.Instance server-arm64: creating EC2 Instance: InvalidParameterCombination: The specified instance type is not eligible for Free Tier.',
    /config --stack prod set onebox:instanceType t4g\.micro/,
  ],
  [
    'ec2.Instance server-arm64: creating EC2 Instance: PendingVerification: Your request for accessing resources in this region is being validated',
    /wait/,
  ],
]

for (const [reason, cure] of refusals) {
  test(`the cure is known for ${reason.slice(0, 110)}`, () => {
    assert.match(cureFor(reason, 'prod') ?? '', cure)
  })
}

test('an unknown error has no cure', () => {
  const others = [
    's3.Bucket releases: creating S3 Bucket (x): BucketAlreadyExists: The requested bucket name is not available',
    'iam.Role server: creating IAM Role (x): EntityAlreadyExists: Role with name x already exists.',
    'ec2.Vpc vpc: creating EC2 VPC: UnauthorizedOperation: You are not authorized to perform this operation.',
  ]
  assert.deepEqual(
    others.map((reason) => cureFor(reason, 'prod')),
    [undefined, undefined, undefined],
  )
})
