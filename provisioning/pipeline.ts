import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Backups } from './backups.ts'
import type { Config } from './config.ts'
import type { Releases } from './releases.ts'

type Statement = aws.iam.PolicyStatement

const issuer = 'token.actions.githubusercontent.com'

/**
 * Gives each kind of GitHub workflow a role, without keys. No role can change permissions: a person
 * has to run the first `up` and every later change of IAM.
 */
export function createPipeline(config: Config, releases: Releases, backups?: Backups) {
  const previews = [...mayLookUp(config), ...mayRead(releases), ...mayReadState(config)]
  const deploys = [...previews, ...mayRelease(config, releases), ...mayWriteState(config)]
  const roles = [
    { name: 'preview', subject: config.previewSubject, may: previews },
    { name: 'release', subject: config.releaseSubject, may: deploys },
    {
      name: 'infrastructure',
      subject: config.infrastructureSubject,
      may: [...deploys, ...mayBuild(config, releases), ...(backups ? mayKeep(backups) : [])],
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

/** An account can have only one per issuer, which all its stacks share. */
function createProvider(): aws.iam.OpenIdConnectProvider {
  return new aws.iam.OpenIdConnectProvider('github', {
    url: `https://${issuer}`,
    clientIdLists: ['sts.amazonaws.com'],
  })
}

function createRole(name: string, subject: string, provider: pulumi.Input<string>): aws.iam.Role {
  return new aws.iam.Role(`pipeline-${name}`, {
    description: `Lets GitHub workflow runs of one kind do what ${name} needs`,
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

/** What the program and our commands look up before anything is created. */
function mayLookUp({ region }: Config): Statement[] {
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
    // After a deploy, these show why a release did not come up and whether alarms reach anybody.
    allow(['ec2:GetConsoleOutput'], '*', isOurs(config)),
    allow(['sns:ListSubscriptionsByTopic'], `arn:aws:sns:*:*:${config.name}-*`),
  ]
}

/** Only this stack's state. The paths come from Pulumi's pkg/backend/diy. */
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
 * Everything else except IAM, in the stack's region and under the stack's names. EC2 resources have no
 * names, so actions that could harm other stacks' machines and disks require this stack's tags.
 */
function mayBuild(config: Config, { bucket }: Releases): Statement[] {
  const { region, name } = config
  const here = { StringEquals: { 'aws:RequestedRegion': region } }
  const services = ['ec2.amazonaws.com', 'dlm.amazonaws.com', 's3.amazonaws.com']
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
    ...mayChangeRecords(config),
    allow(['budgets:*'], `arn:aws:budgets::*:budget/${name}-*`),
  ]
}

/** The bucket's settings, but nothing in it. */
function mayKeep({ bucket }: Backups): Statement[] {
  const settings = ['Bucket*', 'EncryptionConfiguration', 'LifecycleConfiguration']
  const verbs = ['Get', 'Put'].flatMap((verb) => settings.map((what) => `s3:${verb}${what}`))
  const replication = ['s3:GetReplicationConfiguration', 's3:PutReplicationConfiguration']
  return [allow(['s3:ListBucket', ...verbs, ...replication], bucket.arn)]
}

function mayChangeRecords({ hostedZoneId }: Config): Statement[] {
  if (hostedZoneId === '') return []
  return [
    allow(
      [
        'route53:ChangeResourceRecordSets',
        'route53:GetHostedZone',
        'route53:ListResourceRecordSets',
      ],
      `arn:aws:route53:::hostedzone/${hostedZoneId}`,
    ),
    allow(['route53:GetChange'], 'arn:aws:route53:::change/*'),
  ]
}

/** EC2's actions, by noun: on networks and keys, and to create machines and disks. */
const buildable = {
  Address: ['Allocate', 'Associate', 'Disassociate', 'Release'],
  InstanceConnectEndpoint: ['Create'],
  Instances: ['Run'],
  InternetGateway: ['Attach', 'Create', 'Delete', 'Detach'],
  KeyPair: ['Delete', 'Import'],
  NetworkInterface: ['Create'],
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

/** Actions on existing machines and disks. */
const precious = {
  InstanceAttribute: ['Modify'],
  InstanceConnectEndpoint: ['Delete'],
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
