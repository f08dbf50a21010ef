import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Config } from './config.ts'
import type { Releases } from './releases.ts'

type Statement = aws.iam.PolicyStatement

const issuer = 'token.actions.githubusercontent.com'

/**
 * Lets GitHub's workflows in without a key, each kind by a role of its own. None of them can change
 * who may do what: the first `up`, and every change of IAM after it, is for a person.
 */
export function createPipeline(config: Config, releases: Releases) {
  const previews = [...mayAsk(config), ...mayRead(releases), ...mayReadState(config)]
  const deploys = [...previews, ...mayRelease(config, releases), ...mayWriteState(config)]
  const roles = [
    { name: 'preview', subject: config.previewSubject, may: previews },
    { name: 'release', subject: config.releaseSubject, may: deploys },
    {
      name: 'infrastructure',
      subject: config.infrastructureSubject,
      may: [...deploys, ...mayBuild(config, releases)],
    },
  ].filter(({ subject }) => subject !== '')
  if (roles.length === 0) return {}
  const provider = config.githubProviderArn || createProvider().arn
  const arns = roles.map(({ name, subject, may }) => {
    const role = createRole(name, subject, provider)
    new aws.iam.RolePolicy(`pipeline-${name}`, { role: role.name, policy: policy(may) })
    return [name, role.arn] as const
  })
  return Object.fromEntries(arns)
}

/** An account can have one for each issuer, whatever number of stacks use it. */
function createProvider(): aws.iam.OpenIdConnectProvider {
  return new aws.iam.OpenIdConnectProvider('github', {
    url: `https://${issuer}`,
    clientIdLists: ['sts.amazonaws.com'],
  })
}

function createRole(name: string, subject: string, provider: pulumi.Input<string>): aws.iam.Role {
  return new aws.iam.Role(`pipeline-${name}`, {
    description: `Lets workflow runs of one subject do what ${name} needs`,
    assumeRolePolicy: policy([
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRoleWithWebIdentity',
        Principal: { Federated: provider },
        Condition: {
          StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com', [`${issuer}:sub`]: subject },
        },
      },
    ]),
  })
}

/** What the program and our commands ask before anything is made. */
function mayAsk({ region }: Config): Statement[] {
  return [
    allow(['ec2:DescribeInstanceTypes', 'ec2:DescribeInstanceTypeOfferings'], '*'),
    allow(['ec2:DescribeInstances', 'ec2:DescribeImages'], '*'),
    allow(['ssm:GetParameter'], `arn:aws:ssm:${region}::parameter/aws/service/debian/*`),
  ]
}

function mayRead({ bucket }: Releases): Statement[] {
  return [
    allow(['s3:ListBucket'], bucket.arn),
    allow(['s3:GetObject', 's3:GetObjectTagging'], pulumi.interpolate`${bucket.arn}/*`),
  ]
}

function mayRelease(config: Config, { bucket }: Releases): Statement[] {
  const writable = ['desired.json', 'releases/*', 'runtimes/*']
  return [
    allow(
      ['s3:PutObject', 's3:PutObjectTagging'],
      writable.map((keys) => pulumi.interpolate`${bucket.arn}/${keys}`),
    ),
    // These tell whoever deploys why a release does not come, and whether alarms reach anybody.
    allow(['ec2:GetConsoleOutput'], '*', isOurs(config)),
    allow(['sns:ListSubscriptionsByTopic'], `arn:aws:sns:*:*:${config.name}-*`),
  ]
}

/** Without the other stacks'. The paths are those of Pulumi's pkg/backend/diy. */
function mayReadState(config: Config): Statement[] {
  if (config.stateBucket === '') return []
  const bucket = `arn:aws:s3:::${config.stateBucket}`
  return [
    allow(['s3:ListBucket'], bucket),
    allow(['s3:GetObject'], [`${bucket}/.pulumi/meta.yaml`, ...stateFiles(config)]),
  ]
}

function mayWriteState(config: Config): Statement[] {
  if (config.stateBucket === '') return []
  return [allow(['s3:PutObject', 's3:DeleteObject'], stateFiles(config))]
}

function stateFiles({ stateBucket, project, stack }: Config): string[] {
  const file = `arn:aws:s3:::${stateBucket}/.pulumi/*/${project}/${stack}`
  return [`${file}.*`, `${file}/*`]
}

/**
 * The rest, but for IAM, in the stack's region and by the stack's names. EC2 knows no names, so what
 * would hurt another stack's machines and disks takes this stack's tags.
 */
function mayBuild(config: Config, { bucket }: Releases): Statement[] {
  const { region, name } = config
  const here = { StringEquals: { 'aws:RequestedRegion': region } }
  const services = ['ec2.amazonaws.com', 'dlm.amazonaws.com']
  return [
    allow(['ec2:Describe*'], '*'),
    allow(ec2Actions(buildable), '*', here),
    allow(ec2Actions(precious), '*', isOurs(config)),
    allow(['iam:PassRole'], `arn:aws:iam::*:role/${name}-*`, {
      StringEquals: { 'iam:PassedToService': services },
    }),
    allow(['s3:*'], [bucket.arn, pulumi.interpolate`${bucket.arn}/*`]),
    allow(['dlm:*'], '*', here),
    allow(['cloudwatch:*'], `arn:aws:cloudwatch:*:*:alarm:${name}-*`),
    allow(['sns:*'], `arn:aws:sns:*:*:${name}-*`),
    allow(['route53:CreateHealthCheck'], '*'),
    allow(['route53:*'], 'arn:aws:route53:::healthcheck/*'),
    allow(['budgets:*'], `arn:aws:budgets::*:budget/${name}-*`),
  ]
}

/** What EC2 calls what is done to network and keys, and how machines and disks come about. */
const buildable = {
  Address: ['Allocate', 'Associate', 'Disassociate', 'Release'],
  Instances: ['Run'],
  InternetGateway: ['Attach', 'Create', 'Delete', 'Detach'],
  KeyPair: ['Delete', 'Import'],
  Route: ['Create', 'Delete', 'Replace'],
  RouteTable: ['Associate', 'Create', 'Delete', 'Disassociate'],
  RouteTableAssociation: ['Replace'],
  SecurityGroup: ['Create', 'Delete'],
  SecurityGroupEgress: ['Authorize', 'Revoke'],
  SecurityGroupIngress: ['Authorize', 'Revoke'],
  SecurityGroupRules: ['Modify'],
  Snapshot: ['Create'],
  Subnet: ['Create', 'Delete'],
  SubnetAttribute: ['Modify'],
  Tags: ['Create', 'Delete'],
  Volume: ['Create'],
  Vpc: ['Create', 'Delete'],
  VpcAttribute: ['Modify'],
  VpcEndpoint: ['Create', 'Modify'],
  VpcEndpoints: ['Delete'],
}

const precious = {
  InstanceAttribute: ['Modify'],
  InstanceCreditSpecification: ['Modify'],
  InstanceMetadataOptions: ['Modify'],
  Instances: ['Start', 'Stop', 'Terminate'],
  Volume: ['Attach', 'Delete', 'Detach', 'Modify'],
}

function ec2Actions(verbsByNoun: Record<string, string[]>): string[] {
  return Object.entries(verbsByNoun).flatMap(([noun, verbs]) =>
    verbs.map((verb) => `ec2:${verb}${noun}`),
  )
}

function isOurs({ project, stack }: Config) {
  return { StringEquals: { 'aws:ResourceTag/Project': project, 'aws:ResourceTag/Stack': stack } }
}

function allow(
  Action: string[],
  Resource: Statement['Resource'],
  Condition?: Statement['Condition'],
): Statement {
  return { Effect: 'Allow', Action, Resource, ...(Condition && { Condition }) }
}

function policy(Statement: Statement[]): aws.iam.PolicyDocument {
  return { Version: '2012-10-17', Statement }
}
