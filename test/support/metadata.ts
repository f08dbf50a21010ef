import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Credentials } from './sigv4.ts'

/** What an instance is; all of it may change while the service runs. */
export interface Instance {
  instanceId: string
  instanceType: string
  region: string
  /** Name of its role. */
  role: string
  mac: string
  privateIp: string
  publicIp: string
}

export interface FakeMetadata {
  url: string
  port: number
  instance: Instance
  userData: Uint8Array | undefined
  /** The latest requests with what became of them: `GET /latest/user-data 200`. */
  requests: string[]
  /** While true, every connection is cut without an answer. */
  failing: boolean
  close: () => Promise<void>
}

export interface MetadataOptions {
  /** Of the role; the same object as S3's, so that both hear of new ones. */
  credentials: Credentials
  instance?: Partial<Instance>
  userData?: Uint8Array
  /** Of the key pair whose owner may log in. */
  publicKey?: string
  /** What EC2 Instance Connect holds for admin. */
  sessionKeys?: string
}

type Tree = { [name: string]: string | Tree }
type Answer = [status: number, content?: string | Uint8Array]

const requestsLimit = 1000
const tokenLimitSeconds = 21_600
// cloud-init asks for the versions that it knows by their dates.
const versions = ['1.0', '2009-04-04', '2016-09-02', '2018-09-24', '2021-03-23', 'latest']

export function makeInstance(): Instance {
  return {
    instanceId: `i-0${randomBytes(8).toString('hex')}`,
    instanceType: 't3.nano',
    region: 'eu-west-1',
    role: 'onebox-instance',
    mac: '0a:1b:2c:3d:4e:5f',
    privateIp: '172.31.5.10',
    publicIp: '203.0.113.7',
  }
}

/** EC2's instance metadata service where tokens are required: version 2 and nothing else. */
export async function startMetadata(options: MetadataOptions): Promise<FakeMetadata> {
  const tokens = new Map<string, number>()
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const metadata: FakeMetadata = {
    url: `http://127.0.0.1:${port}`,
    port,
    instance: { ...makeInstance(), ...options.instance },
    userData: options.userData,
    requests: [],
    failing: false,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return metadata

  function answer(request: IncomingMessage, response: ServerResponse) {
    if (metadata.failing) return request.destroy()
    const { pathname } = new URL(request.url ?? '', 'http://metadata')
    const [status, content = ''] = reply(request, pathname)
    metadata.requests.push(`${request.method} ${pathname} ${status}`)
    metadata.requests.splice(0, metadata.requests.length - requestsLimit)
    const length = Buffer.byteLength(content)
    response.writeHead(status, { 'content-length': length, connection: 'close' }).end(content)
  }

  function reply(request: IncomingMessage, path: string): Answer {
    if (path === '/latest/api/token') return giveToken(request)
    if (request.method !== 'GET') return [405]
    const token = String(request.headers['x-aws-ec2-metadata-token'])
    if (!((tokens.get(token) ?? 0) > Date.now())) return [401]
    const [version = '', ...names] = path.split('/').filter((name) => name !== '')
    if (version === '') return [200, versions.join('\n')]
    if (!versions.includes(version)) return [404]
    if (names[0] === 'user-data') return metadata.userData ? [200, metadata.userData] : [404]
    return find(names)
  }

  /** None for what an open proxy passes on. */
  function giveToken({ method, headers }: IncomingMessage): Answer {
    if (method !== 'PUT') return [405]
    if (headers['x-forwarded-for'] !== undefined) return [403]
    const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds'])
    if (!(seconds >= 1 && seconds <= tokenLimitSeconds)) return [400]
    const token = randomBytes(42).toString('base64url')
    tokens.set(token, Date.now() + seconds * 1000)
    return [200, token]
  }

  function find(names: string[]): Answer {
    let found: string | Tree | undefined = describeInstance(metadata.instance, options)
    for (const name of names) {
      found = typeof found === 'object' && Object.hasOwn(found, name) ? found[name] : undefined
    }
    if (found === undefined) return [404]
    if (typeof found === 'string') return [200, found]
    // The one folder that is listed in a way of its own.
    if (names.at(-1) === 'public-keys' && found[0]) return [200, '0=onebox']
    return [200, list(found)]
  }
}

function list(tree: Tree): string {
  return Object.entries(tree)
    .map(([name, child]) => (typeof child === 'string' ? name : `${name}/`))
    .join('\n')
}

function describeInstance(instance: Instance, options: MetadataOptions): Tree {
  const { credentials, publicKey, sessionKeys } = options
  const { instanceId, instanceType, region, role, mac, privateIp, publicIp } = instance
  const availabilityZone = `${region}a`
  const hostname = `ip-${privateIp.replaceAll('.', '-')}.${region}.compute.internal`
  const document = { instanceId, instanceType, region, availabilityZone, privateIp }
  return {
    dynamic: { 'instance-identity': { document: JSON.stringify(document) } },
    'meta-data': {
      'ami-id': 'ami-0123456789abcdef0',
      hostname,
      iam: { 'security-credentials': { [role]: JSON.stringify(describeCredentials(credentials)) } },
      'instance-id': instanceId,
      'instance-type': instanceType,
      'local-hostname': hostname,
      'local-ipv4': privateIp,
      mac,
      ...(sessionKeys && { 'managed-ssh-keys': { 'active-keys': { admin: sessionKeys } } }),
      network: {
        interfaces: {
          macs: {
            [mac]: {
              'device-number': '0',
              'interface-id': 'eni-0123456789abcdef0',
              'local-hostname': hostname,
              'local-ipv4s': privateIp,
              mac,
              'owner-id': '123456789012',
              'public-ipv4s': publicIp,
              'security-group-ids': 'sg-0123456789abcdef0',
              'security-groups': 'onebox',
              'subnet-id': 'subnet-0123456789abcdef0',
              'subnet-ipv4-cidr-block': '172.31.0.0/20',
              // Without it, cloud-init takes this for EC2 before there were VPCs.
              'vpc-id': 'vpc-0123456789abcdef0',
              'vpc-ipv4-cidr-block': '172.31.0.0/16',
              'vpc-ipv4-cidr-blocks': '172.31.0.0/16',
            },
          },
        },
      },
      placement: { 'availability-zone': availabilityZone, region },
      'public-ipv4': publicIp,
      'public-keys': publicKey === undefined ? {} : { 0: { 'openssh-key': publicKey } },
      services: { domain: 'amazonaws.com', partition: 'aws' },
    },
  }
}

function describeCredentials(credentials: Credentials) {
  return {
    Code: 'Success',
    LastUpdated: new Date().toISOString(),
    Type: 'AWS-HMAC',
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    Expiration: credentials.expiration,
  }
}
