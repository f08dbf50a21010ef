import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Lifetime } from './lifetime.ts'

/** What AWS knows; tests change it as they like. */
export interface FakeAws {
  /** For AWS_ENDPOINT_URL. */
  url: string
  regions: Record<string, 'opt-in-not-required' | 'opted-in' | 'not-opted-in'>
  snapshots: FakeSnapshot[]
  /** What the instance has written to its console. */
  console: string
  /** What is in buckets, by `bucket/key`. */
  objects: Map<string, { at: Date; bytes: number }>
  /** Undefined where the credentials are good, or the code with which they are refused. */
  refusal: string | undefined
  /** What came: service, region, action and parameters, such as `ec2 us-east-1 DescribeRegions …`. */
  requests: string[]
}

export interface FakeSnapshot {
  id: string
  at: Date
  volumeGiB: number
  bytes: number
  tags: Record<string, string>
}

interface Reply {
  status: number
  body: string
}

/** The few actions of AWS's API that our commands use, in the shapes that AWS gives them. */
export async function startAws(t: Lifetime): Promise<FakeAws> {
  const aws: FakeAws = {
    url: '',
    regions: { 'eu-central-1': 'opt-in-not-required', 'us-east-1': 'opt-in-not-required' },
    snapshots: [],
    console: '',
    objects: new Map(),
    refusal: undefined,
    requests: [],
  }
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(aws, request)
    const headers = { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId }
    response.writeHead(status, headers).end(`<?xml version="1.0" encoding="UTF-8"?>\n${body}`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  aws.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return aws
}

const requestId = '59dbff89-35bd-4eac-99ed-be587EXAMPLE'

async function answer(aws: FakeAws, request: IncomingMessage): Promise<Reply> {
  const { authorization = '', ...headers } = request.headers
  const [, region = '', service = ''] =
    /Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(authorization) ?? []
  const body = await text(request)
  const path = decodeURIComponent(request.url ?? '')
  const asked = service === 's3' ? `${request.method} ${path}` : body
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
  if (service === 's3') return listObjects(aws, path)
  const parameters = new URLSearchParams(body)
  const action = actions[parameters.get('Action') ?? '']
  if (!action) return refuse(service, 400, 'InvalidAction', 'The action is not valid')
  return action(aws, parameters)
}

function refuse(service: string, status: number, code: string, message: string): Reply {
  const error = `<Code>${code}</Code><Message>${message}</Message>`
  // EC2 alone speaks the older of the two query protocols.
  const body =
    service === 'ec2'
      ? `<Response><Errors><Error>${error}</Error></Errors><RequestID>${requestId}</RequestID></Response>`
      : `<ErrorResponse><Error><Type>Sender</Type>${error}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`
  return { status, body }
}

const actions: Record<string, (aws: FakeAws, parameters: URLSearchParams) => Reply> = {
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
    const filters = filtersOf(parameters)
    const fits = ({ tags }: FakeSnapshot) =>
      filters.every(([name, value]) => tags[name.replace('tag:', '')] === value)
    const items = snapshots.filter(fits).map(snapshotItem)
    return ec2('DescribeSnapshots', `<snapshotSet>${items.join('')}</snapshotSet>`)
  },

  DeleteSnapshot(aws, parameters) {
    const id = parameters.get('SnapshotId')
    if (!aws.snapshots.some((each) => each.id === id)) {
      return refuse('ec2', 400, 'InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`)
    }
    aws.snapshots = aws.snapshots.filter((each) => each.id !== id)
    return ec2('DeleteSnapshot', '<return>true</return>')
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

function filtersOf(parameters: URLSearchParams): [name: string, value: string][] {
  const names = [...parameters].filter(([key]) => /^Filter\.\d+\.Name$/.test(key))
  return names.map(([key, name]) => {
    return [name, parameters.get(key.replace('Name', 'Value.1')) ?? '']
  })
}

function snapshotItem({ id, at, volumeGiB, bytes, tags }: FakeSnapshot): string {
  const tagSet = Object.entries(tags).map(
    ([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`,
  )
  return `<item>
    <snapshotId>${id}</snapshotId>
    <volumeId>vol-0123456789abcdef0</volumeId>
    <status>completed</status>
    <startTime>${at.toISOString()}</startTime>
    <progress>100%</progress>
    <ownerId>123456789012</ownerId>
    <volumeSize>${volumeGiB}</volumeSize>
    <description/>
    <tagSet>${tagSet.join('')}</tagSet>
    <encrypted>true</encrypted>
    <storageTier>standard</storageTier>
    <fullSnapshotSizeInBytes>${bytes}</fullSnapshotSizeInBytes>
  </item>`
}

function ec2(action: string, content: string): Reply {
  const namespace = 'http://ec2.amazonaws.com/doc/2016-11-15/'
  const body = `<${action}Response xmlns="${namespace}">
    <requestId>${requestId}</requestId>${content}
  </${action}Response>`
  return { status: 200, body }
}

/** An address as host has its bucket in the path. */
function listObjects({ objects }: FakeAws, path: string): Reply {
  const url = new URL(path, 'http://s3')
  const bucket = url.pathname.split('/')[1]
  const prefix = url.searchParams.get('prefix') ?? ''
  const found = [...objects].filter(([name]) => name.startsWith(`${bucket}/${prefix}`)).sort()
  const contents = found.map(
    ([name, { at, bytes }]) => `<Contents>
      <Key>${name.slice(name.indexOf('/') + 1)}</Key>
      <LastModified>${at.toISOString()}</LastModified>
      <ETag>"70ee1738b6b21e2c8a43f3a5ab0eee71"</ETag>
      <Size>${bytes}</Size>
      <StorageClass>STANDARD</StorageClass>
    </Contents>`,
  )
  const body = `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
    <Name>${bucket}</Name><Prefix>${prefix}</Prefix><KeyCount>${found.length}</KeyCount>
    <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>${contents.join('')}
  </ListBucketResult>`
  return { status: 200, body }
}
