import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { answerS3 } from './aws-buckets.ts'
import { describe, findByFilters } from './aws-describe.ts'
import { describePlan, describeTargets, type FakeFleet, instanceActions } from './aws-instances.ts'
import { ec2, filtersOf, type Reply, refuse, requestId } from './aws-replies.ts'
import type { Lifetime } from './lifetime.ts'
import type { CloudResource } from './pulumi/provider.ts'

/** What AWS knows; tests change it as they like. */
export interface FakeAws extends FakeFleet {
  /** By which the SDK of any process finds it. */
  env: Record<string, string>
  regions: Record<string, 'opt-in-not-required' | 'opted-in' | 'not-opted-in'>
  snapshots: FakeSnapshot[]
  /** The ids of the volumes that are there. */
  volumes: string[]
  /** What SNS calls the subscription to each topic, by the topic's ARN; absent if it is gone. */
  subscriptions: Record<string, string>
  /** What new disks are encrypted with. */
  diskKey: string
  /** What the instance has written to its console. */
  console: string
  /** Everything that Pulumi's provider has made, by type and id. */
  resources: Map<string, CloudResource & { at: Date }>
  /** How long EC2 does not yet list what was made. */
  lagMs: number
  /** How many of the next requests are one too many. */
  throttled: number
  /** What is in buckets, by `bucket/key`. */
  objects: Map<string, FakeObject>
  /** The buckets of a region that is lost. */
  lostBuckets: string[]
  /** Those that never answer. */
  silentBuckets: string[]
  /** Whether our commands may not put objects. */
  isReadOnly: boolean
  /** Undefined where the credentials are good, or the code with which they are refused. */
  refusal: string | undefined
  /** Where an emulator answers for DynamoDB. */
  dynamodb: string
  /** What came: service, region, action and parameters, such as `ec2 us-east-1 DescribeRegions …`. */
  requests: string[]
}

export interface FakeObject {
  at: Date
  bytes: number
  /** Absent where nobody reads it. */
  content?: Buffer
}

export interface FakeSnapshot {
  id: string
  at: Date
  volumeGiB: number
  bytes: number
  tags: Record<string, string>
  /** One that is gone, unless it is given. */
  volumeId?: string
  /** `completed`, unless it is given. */
  state?: string
  tier?: 'standard' | 'archive'
}

/** The few actions of AWS's API that our commands use, in the shapes that AWS gives them. */
export async function startAws(t: Lifetime): Promise<FakeAws> {
  const aws: FakeAws = {
    env: {},
    regions: { 'eu-central-1': 'opt-in-not-required', 'us-east-1': 'opt-in-not-required' },
    snapshots: [],
    instances: [],
    images: [{ id: 'ami-0123456789abcdef0', name: 'debian-13-arm64-20261101-2280', at }],
    plan: 'PAID',
    addresses: new Map(),
    fullZones: [],
    onInstances() {},
    volumes: [],
    subscriptions: {},
    diskKey: 'alias/aws/ebs',
    console: '',
    resources: new Map(),
    lagMs: 0,
    throttled: 0,
    objects: new Map(),
    lostBuckets: [],
    silentBuckets: [],
    isReadOnly: false,
    refusal: undefined,
    dynamodb: '',
    requests: [],
  }
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(aws, request)
    const headers = { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId }
    const isXml = typeof body === 'string' && body.startsWith('<')
    response.writeHead(status, headers).end(isXml ? `${xmlHead}${body}` : body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  aws.env = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  }
  return aws
}

const xmlHead = '<?xml version="1.0" encoding="UTF-8"?>\n'
const at = new Date('2026-11-01T06:00:00Z')

async function answer(aws: FakeAws, request: IncomingMessage): Promise<Reply> {
  const { authorization = '', ...headers } = request.headers
  const [, region = '', service = ''] =
    /Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(authorization) ?? []
  const body = await text(request)
  const path = decodeURIComponent(request.url ?? '')
  const { 'x-amz-target': target } = headers
  const isRest = service === 's3' || service === 'dlm'
  const asked = isRest ? `${request.method} ${path}` : (target ?? body)
  aws.requests.push(`${service} ${region} ${asked}`)
  if (!authorization.startsWith('AWS4-HMAC-SHA256 ') || !headers['x-amz-date']) {
    return refuse(service, 403, 'MissingAuthenticationToken', 'Request is missing a token')
  }
  if (aws.refusal) {
    return refuse(
      service,
      403,
      aws.refusal,
      'The security token included in the request is invalid.',
    )
  }
  if (aws.throttled > 0) {
    aws.throttled -= 1
    return refuse(service, 503, 'RequestLimitExceeded', 'Request limit exceeded.')
  }
  if (service === 's3') return answerS3(aws, `${request.method}`, path, body)
  if (service === 'dlm') return { status: 200, body: policiesText(aws) }
  if (String(target).endsWith('.GetResources')) return listTagged(aws, region, JSON.parse(body))
  if (target === 'AWSFreeTierService.GetAccountPlanState') return describePlan(aws)
  if (service === 'dynamodb') return askEmulator(aws, request, body)
  const parameters = new URLSearchParams(body)
  const name = parameters.get('Action') ?? ''
  const description = actions[name] ? undefined : describe(aws, name, parameters)
  if (description) return description
  const action = actions[name]
  if (!action) return refuse(service, 400, 'InvalidAction', 'The action is not valid')
  return action(aws, parameters)
}

/** Protection is AWS's own: what Pulumi's provider made is not in the emulator. */
async function askEmulator(
  { dynamodb, resources }: FakeAws,
  request: IncomingMessage,
  body: string,
): Promise<Reply> {
  const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers
  if (String(headers['x-amz-target']).endsWith('.UpdateTable')) {
    const { TableName, DeletionProtectionEnabled } = JSON.parse(body)
    const table = resources.get(`aws:dynamodb/table:Table ${TableName}`)
    if (table) table.inputs.deletionProtectionEnabled = DeletionProtectionEnabled
    return { status: 200, body: '{}' }
  }
  const signed = headers as Record<string, string>
  const response = await fetch(dynamodb, { method: 'POST', headers: signed, body })
  return { status: response.status, body: await response.text() }
}

type Action = (aws: FakeAws, parameters: URLSearchParams) => Reply | Promise<Reply>

const actions: Record<string, Action> = {
  ...instanceActions,

  DescribeInstances(aws, parameters) {
    const known = instanceActions.DescribeInstances as Action
    if (!filtersOf(parameters).has('subnet-id')) return known(aws, parameters)
    const found = findByFilters(aws, /:Instance$/, parameters)
    const ids = found.map(({ id }, at) => [`Filter.1.Value.${at + 1}`, id])
    return known(aws, new URLSearchParams([['Filter.1.Name', 'instance-id'], ...ids]))
  },

  DescribeTargetHealth: describeTargets,

  GetCallerIdentity() {
    const body = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <GetCallerIdentityResult>
        <Arn>arn:aws:iam::123456789012:user/anna</Arn>
        <UserId>AIDACKCEVSQ6C2EXAMPLE</UserId>
        <Account>123456789012</Account>
      </GetCallerIdentityResult>
      <ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>
    </GetCallerIdentityResponse>`
    return { status: 200, body }
  },

  DescribeRegions({ regions }) {
    const items = Object.entries(regions).map(
      ([name, optIn]) => `<item>
      <regionName>${name}</regionName>
      <regionEndpoint>ec2.${name}.amazonaws.com</regionEndpoint>
      <optInStatus>${optIn}</optInStatus>
    </item>`,
    )
    return ec2('DescribeRegions', `<regionInfo>${items.join('')}</regionInfo>`)
  },

  DescribeSnapshots({ snapshots }, parameters) {
    const id = parameters.get('SnapshotId.1')
    if (id !== null && !snapshots.some((each) => each.id === id)) return noSnapshot(id)
    const filters = [...filtersOf(parameters)]
    const fits = (each: FakeSnapshot) => {
      const hasTags = filters.every(([name, values]) =>
        values.includes(each.tags[name.replace('tag:', '')] ?? ''),
      )
      return hasTags && (id === null || id === each.id)
    }
    const items = snapshots.filter(fits).map(snapshotItem)
    return ec2('DescribeSnapshots', `<snapshotSet>${items.join('')}</snapshotSet>`)
  },

  DescribeVolumes(aws, parameters) {
    const ids = filtersOf(parameters).get('volume-id')
    if (!ids) return describe(aws, 'DescribeVolumes', parameters) as Reply
    const items = aws.volumes
      .filter((id) => ids.includes(id))
      .map((id) => `<item><volumeId>${id}</volumeId><status>in-use</status></item>`)
    return ec2('DescribeVolumes', `<volumeSet>${items.join('')}</volumeSet>`)
  },

  DescribeTags({ resources, lagMs }, parameters) {
    const filters = [...filtersOf(parameters)]
    const listed = [...resources.values()].filter(({ id, at }) => {
      return typeOf(id) !== undefined && at.getTime() + lagMs <= Date.now()
    })
    const rows = listed.flatMap(({ id, inputs: { tags = {} } }) => {
      return Object.entries<string>(tags).map(([key, value]) => ({ 'resource-id': id, key, value }))
    })
    const items = rows
      .filter((row) => filters.every(([name, values]) => matches(row[name as 'key'], values)))
      .map(({ key, value, ...row }) => {
        const id = row['resource-id']
        return `<item>
          <resourceId>${id}</resourceId><resourceType>${typeOf(id)}</resourceType>
          <key>${key}</key><value>${value}</value>
        </item>`
      })
    return ec2('DescribeTags', `<tagSet>${items.join('')}</tagSet>`)
  },

  DeleteSnapshot(aws, parameters) {
    const id = parameters.get('SnapshotId')
    if (!aws.snapshots.some((each) => each.id === id)) return noSnapshot(id)
    aws.snapshots = aws.snapshots.filter((each) => each.id !== id)
    return ec2('DeleteSnapshot', '<return>true</return>')
  },

  GetEbsDefaultKmsKeyId({ diskKey }) {
    return ec2('GetEbsDefaultKmsKeyId', `<kmsKeyId>${diskKey}</kmsKeyId>`)
  },

  ListSubscriptionsByTopic({ subscriptions }, parameters) {
    const topic = parameters.get('TopicArn') ?? ''
    const arn = subscriptions[topic]
    const member = `<member>
      <TopicArn>${topic}</TopicArn><Protocol>email</Protocol><SubscriptionArn>${arn}</SubscriptionArn>
      <Owner>123456789012</Owner><Endpoint>anna@example.com</Endpoint>
    </member>`
    const body = `<ListSubscriptionsByTopicResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
      <ListSubscriptionsByTopicResult>
        <Subscriptions>${arn === undefined ? '' : member}</Subscriptions>
      </ListSubscriptionsByTopicResult>
      <ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>
    </ListSubscriptionsByTopicResponse>`
    return { status: 200, body }
  },

  GetConsoleOutput({ console }, parameters) {
    const output = Buffer.from(console).toString('base64')
    const id = parameters.get('InstanceId')
    const time = new Date().toISOString()
    return ec2(
      'GetConsoleOutput',
      `<instanceId>${id}</instanceId><timestamp>${time}</timestamp><output>${output}</output>`,
    )
  },
}

/** What Data Lifecycle Manager lists, of this stack alone. */
function policiesText({ resources }: FakeAws): string {
  const policies = [...resources.values()].filter(({ type }) => type.endsWith(':LifecyclePolicy'))
  return JSON.stringify({
    Policies: policies.map(({ inputs }) => ({ State: inputs.state ?? 'ENABLED' })),
  })
}

/** What EC2 calls a thing with such an id. */
function typeOf(id: string): string | undefined {
  const types: Record<string, string> = {
    i: 'instance',
    vol: 'volume',
    eipalloc: 'elastic-ip',
    vpc: 'vpc',
    vpce: 'vpc-endpoint',
    subnet: 'subnet',
    sg: 'security-group',
    sgr: 'security-group-rule',
    igw: 'internet-gateway',
    rtb: 'route-table',
    lt: 'launch-template',
  }
  return /-0[\da-f]{16}$/.test(id) ? types[id.split('-')[0] ?? ''] : undefined
}

/** A star stands for any letters. */
function matches(text: string, values: string[]): boolean {
  return values.some((value) => {
    return value.endsWith('*') ? text.startsWith(value.slice(0, -1)) : text === value
  })
}

function noSnapshot(id: string | null): Reply {
  return refuse('ec2', 400, 'InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`)
}

function snapshotItem({ id, at, volumeGiB, bytes, tags, ...rest }: FakeSnapshot): string {
  const { volumeId = 'vol-0123456789abcdef0', state = 'completed', tier = 'standard' } = rest
  const tagSet = Object.entries(tags).map(
    ([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`,
  )
  return `<item>
    <snapshotId>${id}</snapshotId>
    <volumeId>${volumeId}</volumeId>
    <status>${state}</status>
    <startTime>${at.toISOString()}</startTime>
    <progress>${state === 'completed' ? 100 : 42}%</progress>
    <ownerId>123456789012</ownerId>
    <volumeSize>${volumeGiB}</volumeSize>
    <description/>
    <tagSet>${tagSet.join('')}</tagSet>
    <encrypted>true</encrypted>
    <storageTier>${tier}</storageTier>
    <fullSnapshotSizeInBytes>${bytes}</fullSnapshotSizeInBytes>
  </item>`
}

interface TagQuery {
  TagFilters: { Key: string; Values: string[] }[]
}

/** What services other than EC2 have with these tags. */
function listTagged({ resources }: FakeAws, region: string, { TagFilters }: TagQuery): Reply {
  const types: Record<string, string> = {
    'aws:dlm/lifecyclePolicy:LifecyclePolicy': `dlm:${region}:123456789012:policy/`,
    'aws:route53/healthCheck:HealthCheck': 'route53:::healthcheck/',
    'aws:sns/topic:Topic': '',
    'aws:lb/loadBalancer:LoadBalancer': '',
    'aws:lb/targetGroup:TargetGroup': '',
    'aws:lb/listener:Listener': '',
    'aws:acm/certificate:Certificate': '',
  }
  const found = [...resources.values()].filter(({ type, inputs: { tags = {}, region: own } }) => {
    const home = type.startsWith('aws:route53') ? 'us-east-1' : 'eu-central-1'
    const isHere = (own ?? home) === region
    return (
      type in types && isHere && TagFilters.every(({ Key, Values }) => Values.includes(tags[Key]))
    )
  })
  const ResourceTagMappingList = found.map(({ type, id, inputs }) => ({
    ResourceARN: types[type] ? `arn:aws:${types[type]}${id}` : id,
    Tags: Object.entries(inputs.tags).map(([Key, Value]) => ({ Key, Value })),
  }))
  return { status: 200, body: JSON.stringify({ ResourceTagMappingList, PaginationToken: '' }) }
}
