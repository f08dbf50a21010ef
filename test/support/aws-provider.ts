import { hash, randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { FakeAws } from './aws-api.ts'
import { isAllowed, setState, terminate } from './aws-instances.ts'
import { type Properties, secret } from './properties.ts'
import type { Cloud, CloudResource } from './pulumi/provider.ts'

type Operation = 'create' | 'update' | 'delete'

interface Hooks {
  /** Called before each change, which fails with whatever this throws. */
  before?: (operation: Operation, resource: CloudResource) => unknown
  /** Called once AWS has made the change, but before Pulumi hears of it. */
  after?: (operation: Operation, resource: CloudResource) => unknown
  /** What resources of a type get instead of the usual. */
  outputs?: Record<string, Properties>
  /** Instead of the usual answers to the program's questions. */
  answers?: Record<string, Properties>
}

/** AWS as Pulumi's provider uses it, as strict as AWS, and what the provider makes of that. */
export function createCloud(aws: FakeAws, hooks: Hooks = {}): Cloud {
  return { create, update: (resource) => change('update', resource), delete: end, read, answer }

  async function create(resource: CloudResource) {
    const made = { ...resource, id: newId(resource) }
    made.outputs = outputsOf(made, hooks)
    await hooks.before?.('create', made)
    assertUnique(aws, made)
    await makings[made.type]?.(aws, made)
    aws.resources.set(keyOf(made), { ...made, at: new Date() })
    await aws.onInstances()
    await hooks.after?.('create', made)
    return { id: made.id, outputs: made.outputs }
  }

  async function change(operation: Operation, resource: CloudResource) {
    await hooks.before?.(operation, resource)
    await hooks.after?.(operation, resource)
  }

  async function end(resource: CloudResource) {
    await hooks.before?.('delete', resource)
    await endings[resource.type]?.(aws, resource)
    aws.resources.delete(keyOf(resource))
    await aws.onInstances()
    await hooks.after?.('delete', resource)
  }

  async function read(resource: CloudResource) {
    return isThere(aws, resource) ? outputsOf(resource, hooks) : undefined
  }

  function answer(question: string, inputs: Properties, region: string): Properties {
    const short = question.slice(question.lastIndexOf(':') + 1)
    const known = hooks.answers?.[question] ?? answers[short]?.(aws, inputs, region)
    if (!known) throw new Error(`No answer to ${question} is known here`)
    return { id: short, ...known }
  }
}

function keyOf({ type, id }: CloudResource): string {
  return `${type} ${id}`
}

const prefixes: Record<string, string> = {
  'aws:ec2/instance:Instance': 'i',
  'aws:ebs/volume:Volume': 'vol',
  'aws:ec2/eip:Eip': 'eipalloc',
  'aws:ec2/vpc:Vpc': 'vpc',
  'aws:ec2/vpcEndpoint:VpcEndpoint': 'vpce',
  'aws:ec2/subnet:Subnet': 'subnet',
  'aws:ec2/securityGroup:SecurityGroup': 'sg',
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': 'sgr',
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': 'sgr',
  'aws:ec2/internetGateway:InternetGateway': 'igw',
  'aws:ec2/launchTemplate:LaunchTemplate': 'lt',
  'aws:ec2/routeTable:RouteTable': 'rtb',
  'aws:ec2/routeTableAssociation:RouteTableAssociation': 'rtbassoc',
  'aws:dlm/lifecyclePolicy:LifecyclePolicy': 'policy',
  'aws:route53/healthCheck:HealthCheck': 'check',
}

/** What AWS makes twice gets another id each time; anything else is what its inputs say. */
function newId({ type, name, inputs }: CloudResource): string {
  const { bucket, key, role, keyName, name: given = keyName ?? bucket } = inputs
  const { routeTableId, destinationCidrBlock: destination } = inputs
  const prefix = prefixes[type]
  if (prefix) return `${prefix}-0${randomBytes(8).toString('hex')}`
  if (type.startsWith('random:')) return 'none'
  if (type === 'aws:ec2/route:Route') return `r-${routeTableId}${crc32(destination)}`
  if (type === 'aws:sns/topic:Topic') return arnOf(type, inputs, given)
  if (/^aws:(lb|acm)\/(?!certificateValidation)/.test(type)) {
    const kind = type.split(':').at(-1)?.toLowerCase()
    return arnOf(type, inputs, `${kind}/${given ?? name}/${randomBytes(8).toString('hex')}`)
  }
  if (type === 'aws:iam/rolePolicy:RolePolicy') return `${role}:${given}`
  if (key !== undefined) return `${bucket}/${key}`
  return given ?? `${name}-${hash('sha256', JSON.stringify(inputs)).slice(0, 8)}`
}

function arnOf(type: string, { region = 'eu-central-1' }: Properties, name: string): string {
  const service = type.split(/[:/]/)[1]?.replace(/^lb$/, 'elasticloadbalancing')
  return `arn:aws:${service}:${region}:123456789012:${name}`
}

function outputsOf({ type, id, inputs }: CloudResource, hooks: Hooks): Properties {
  const { region = 'eu-central-1', bucket } = inputs
  const special: Record<string, Properties> = {
    'aws:s3/bucket:Bucket': { arn: `arn:aws:s3:::${bucket}` },
    'aws:ec2/eip:Eip': { publicIp: '203.0.113.10', allocationId: id },
    'aws:ebs/volume:Volume': { kmsKeyId: `arn:aws:kms:${region}:123456789012:key/0a1b2c3d` },
    'aws:sns/topic:Topic': { arn: id },
    'aws:lb/loadBalancer:LoadBalancer': { arn: id, arnSuffix: id, zoneId: 'Z0' },
    'aws:lb/targetGroup:TargetGroup': { arn: id, arnSuffix: id },
    'aws:lb/listener:Listener': { arn: id },
    'aws:ec2/launchTemplate:LaunchTemplate': { latestVersion: 1 },
    'random:index/randomPassword:RandomPassword': {
      result: secret(randomBytes(20).toString('hex')),
    },
  }
  return { arn: arnOf(type, inputs, id), ...special[type], ...hooks.outputs?.[type] }
}

const answers: Record<string, (aws: FakeAws, inputs: Properties, region: string) => Properties> = {
  getInstanceTypeOfferings: (_, __, region) => ({ locations: [`${region}b`, `${region}a`] }),

  getInstanceType: (_, { instanceType = '' }) => ({
    supportedArchitectures: [/^[a-z]+\d+g/.test(instanceType) ? 'arm64' : 'x86_64'],
    ebsNvmeSupport: 'required',
    burstablePerformanceSupported: true,
  }),

  getParameter: () => ({
    value: secret('ami-0123456789abcdef0'),
    insecureValue: 'ami-0123456789abcdef0',
  }),

  getObjects({ objects }, { bucket, prefix = '' }) {
    const keys = [...objects.keys()].filter((name) => name.startsWith(`${bucket}/${prefix}`))
    return { keys: keys.map((name) => name.slice(bucket.length + 1)) }
  },
}

/** What AWS has only once, and what it says to a second one. */
const unique: Record<string, [code: string, properties: string[]]> = {
  'aws:s3/bucket:Bucket': ['BucketAlreadyOwnedByYou', ['bucket']],
  'aws:iam/role:Role': ['EntityAlreadyExists', ['name']],
  'aws:iam/instanceProfile:InstanceProfile': ['EntityAlreadyExists', ['name']],
  'aws:ec2/keyPair:KeyPair': ['InvalidKeyPair.Duplicate', ['keyName']],
  'aws:autoscaling/group:Group': ['AlreadyExists', ['name']],
  'aws:dynamodb/table:Table': ['ResourceInUseException', ['name']],
  'aws:lb/loadBalancer:LoadBalancer': ['DuplicateLoadBalancerName', ['name']],
  'aws:lb/targetGroup:TargetGroup': ['DuplicateTargetGroupName', ['name']],
  'aws:lb/listener:Listener': ['DuplicateListener', ['loadBalancerArn', 'port']],
  'aws:ec2/launchTemplate:LaunchTemplate': [
    'InvalidLaunchTemplateName.AlreadyExistsException',
    ['name'],
  ],
  'aws:ec2/subnet:Subnet': ['InvalidSubnet.Conflict', ['vpcId', 'cidrBlock']],
  'aws:ec2/route:Route': ['RouteAlreadyExists', ['routeTableId', 'destinationCidrBlock']],
  'aws:ec2/vpcEndpoint:VpcEndpoint': ['RouteAlreadyExists', ['vpcId', 'serviceName']],
  'aws:ec2/internetGateway:InternetGateway': ['InvalidParameterValue', ['vpcId']],
  'aws:ec2/routeTableAssociation:RouteTableAssociation': [
    'Resource.AlreadyAssociated',
    ['subnetId'],
  ],
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': [
    'InvalidPermission.Duplicate',
    ['securityGroupId', 'fromPort', 'cidrIpv4'],
  ],
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': [
    'InvalidPermission.Duplicate',
    ['securityGroupId', 'fromPort', 'cidrIpv4'],
  ],
}

function assertUnique({ resources }: FakeAws, { type, inputs }: CloudResource) {
  const [code = '', properties] = unique[type] ?? []
  const others = [...resources.values()].filter((each) => each.type === type)
  const isTwin = properties && others.some((each) => isSame(each.inputs, inputs, properties))
  if (isTwin) refuse(`creating ${type}`, 'Create', `${code}: it already exists`)
}

function isSame(a: Properties, b: Properties, properties: string[]): boolean {
  return properties.every((name) => a[name] === b[name])
}

type Work = (aws: FakeAws, resource: CloudResource) => unknown

const makings: Record<string, Work> = {
  'aws:ec2/instance:Instance'(aws, { id, inputs }) {
    const { ami, instanceType: type, subnetId } = inputs
    const doing = 'creating EC2 Instance'
    if (!isAllowed(aws, type)) {
      const reason = `InvalidParameterCombination: The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, run 'describe-instance-types' with the filter 'free-tier-eligible=true'.`
      refuse(doing, 'RunInstances', reason)
    }
    if (!aws.images.some((image) => image.id === ami)) {
      refuse(doing, 'RunInstances', `InvalidAMIID.NotFound: The image id '[${ami}]' does not exist`)
    }
    const zone = inputsOf(aws, 'aws:ec2/subnet:Subnet', subnetId).availabilityZone
    if (aws.fullZones.includes(zone)) {
      const reason = `InsufficientInstanceCapacity: We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zone}). Our system will be working on provisioning additional capacity. You can currently get ${type} capacity by not specifying an Availability Zone in your request or choosing another.`
      refuse(doing, 'RunInstances', reason)
    }
    aws.instances.push({ id, state: 'running', type, imageId: ami, volumeIds: [], ip: '' })
  },

  'aws:autoscaling/group:Group'(aws, { inputs }) {
    const { name, minSize, vpcZoneIdentifiers: subnets } = inputs
    const same = { state: 'running', type: 't4g.nano', imageId: 'ami-0123456789abcdef0' } as const
    for (let index = 0; index < minSize; index += 1) {
      const id = `i-0${randomBytes(8).toString('hex')}`
      const subnet = inputsOf(aws, 'aws:ec2/subnet:Subnet', subnets[index % subnets.length])
      // Machines of one age would be listed by their ids, which are random.
      const at = new Date(Date.now() + index)
      const group = { name, zone: subnet.availabilityZone, at, health: 'healthy' }
      aws.instances.push({ ...same, id, volumeIds: [], ip: '', group })
    }
  },

  'aws:ebs/volume:Volume'({ snapshots, volumes }, { id, inputs: { size, snapshotId } }) {
    const snapshot = snapshots.find((each) => each.id === snapshotId)
    const doing = 'creating EBS Volume'
    if (snapshotId && !snapshot) {
      const reason = `InvalidSnapshot.NotFound: The snapshot '${snapshotId}' does not exist.`
      refuse(doing, 'CreateVolume', reason)
    }
    if (snapshot && snapshot.volumeGiB > size) {
      const reason = `InvalidParameterValue: Volume of ${size}GiB is smaller than snapshot '${snapshotId}', expect size >= ${snapshot.volumeGiB}GiB`
      refuse(doing, 'CreateVolume', reason)
    }
    volumes.push(id)
  },

  'aws:ec2/volumeAttachment:VolumeAttachment'(aws, { inputs: { instanceId, volumeId } }) {
    const { instances } = aws
    const doing = `attaching EBS Volume (${volumeId})`
    const holder = instances.find(({ volumeIds }) => volumeIds.includes(volumeId))
    // The provider is content with an attachment that is there already.
    if (holder?.id === instanceId) return
    if (holder) {
      const reason = `VolumeInUse: ${volumeId} is already attached to an instance`
      refuse(doing, 'AttachVolume', reason)
    }
    const instance = instances.find(({ id }) => id === instanceId)
    if (instance?.state !== 'running' && instance?.state !== 'stopped') {
      refuse(doing, 'AttachVolume', `IncorrectState: Instance '${instanceId}' is not 'running'.`)
    }
    const { subnetId } = inputsOf(aws, 'aws:ec2/instance:Instance', instanceId)
    const subnet = inputsOf(aws, 'aws:ec2/subnet:Subnet', subnetId)
    const volume = inputsOf(aws, 'aws:ebs/volume:Volume', volumeId)
    if (volume.availabilityZone !== subnet.availabilityZone) {
      const reason = `InvalidVolume.ZoneMismatch: The volume '${volumeId}' is not in the same availability zone as instance '${instanceId}'`
      refuse(doing, 'AttachVolume', reason)
    }
    instance?.volumeIds.push(volumeId)
  },

  'aws:ec2/eip:Eip'({ addresses }, { id, outputs }) {
    addresses.set(id, outputs.publicIp)
  },

  'aws:ec2/eipAssociation:EipAssociation'({ instances, addresses }, { inputs }) {
    const { allocationId, instanceId } = inputs
    const ip = addresses.get(allocationId)
    if (ip === undefined) {
      const reason = `InvalidAllocationID.NotFound: The allocation ID '${allocationId}' does not exist`
      refuse('creating EC2 EIP Association', 'AssociateAddress', reason)
    }
    for (const each of instances) {
      if (each.id === instanceId) each.ip = ip as string
      else if (each.ip === ip) each.ip = ''
    }
  },

  'aws:s3/bucketObjectv2:BucketObjectv2'({ objects }, { inputs }) {
    const { bucket, key, source, content = '' } = inputs
    const bytes = source ? statSync(source.path).size : Buffer.byteLength(content)
    objects.set(`${bucket}/${key}`, { at: new Date(), bytes })
  },

  'aws:sns/topicSubscription:TopicSubscription'({ subscriptions }, { inputs }) {
    subscriptions[inputs.topic] = 'PendingConfirmation'
  },
}

const endings: Record<string, Work> = {
  async 'aws:autoscaling/group:Group'(aws, { inputs: { name } }) {
    for (const { id, group } of aws.instances) if (group?.name === name) await terminate(aws, id)
  },

  'aws:dynamodb/table:Table'({ resources }, resource) {
    if (!resources.get(keyOf(resource))?.inputs.deletionProtectionEnabled) return
    const reason = `ValidationException: Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.`
    refuse(`deleting DynamoDB Table (${resource.id})`, 'DeleteTable', reason)
  },

  'aws:ec2/instance:Instance': (aws, { id }) => terminate(aws, id),

  'aws:ebs/volume:Volume'(aws, { id, inputs: { size, tags, finalSnapshot } }) {
    if (aws.instances.some(({ volumeIds }) => volumeIds.includes(id))) {
      const reason = `VolumeInUse: Volume ${id} is currently attached`
      refuse(`deleting EBS Volume (${id})`, 'DeleteVolume', reason)
    }
    aws.volumes = aws.volumes.filter((each) => each !== id)
    if (finalSnapshot) {
      const at = new Date()
      const number = aws.snapshots.length
      const snapshot = { id: `snap-${number}123456789abcdef0`, volumeGiB: size, bytes: 2 ** 30 }
      aws.snapshots.push({ ...snapshot, at, tags })
    }
  },

  /** It stops the instance first and forgives nothing, not even that there is none. */
  async 'aws:ec2/volumeAttachment:VolumeAttachment'(aws, { id, inputs }) {
    const { instanceId, volumeId, stopInstanceBeforeDetaching } = inputs
    const refusal = stopInstanceBeforeDetaching && (await setState(aws, instanceId, 'stopped'))
    if (refusal) {
      const doing = `deleting EBS Volume Attachment (${id}): stopping EC2 Instance (${instanceId})`
      const [, code, message] =
        /<Code>(.*)<\/Code><Message>(.*)<\/Message>/.exec(refusal.body) ?? []
      refuse(doing, 'StopInstances', `${code}: ${message}`)
    }
    const instance = aws.instances.find((each) => each.id === instanceId)
    if (instance) instance.volumeIds = instance.volumeIds.filter((each) => each !== volumeId)
  },

  'aws:ec2/eip:Eip': ({ addresses }, { id }) => void addresses.delete(id),

  'aws:ec2/eipAssociation:EipAssociation'({ instances }, { inputs }) {
    const instance = instances.find(({ id }) => id === inputs.instanceId)
    if (instance) instance.ip = ''
  },
}

/** Whether the provider still finds a resource when it refreshes it. */
function isThere({ instances, resources }: FakeAws, resource: CloudResource): boolean {
  const { type, id, inputs } = resource
  const isInstance = type === 'aws:ec2/instance:Instance'
  const found = instances.find((each) => each.id === (isInstance ? id : inputs.instanceId))
  if (isInstance) return found !== undefined && found.state !== 'terminated'
  if (type.endsWith(':VolumeAttachment')) return found?.volumeIds.includes(inputs.volumeId) === true
  if (type.endsWith(':EipAssociation')) return Boolean(found?.ip)
  return resources.has(keyOf(resource))
}

function inputsOf({ resources }: FakeAws, type: string, id: string): Properties {
  return resources.get(`${type} ${id}`)?.inputs ?? {}
}

/** As AWS's provider for Pulumi tells it. */
function refuse(doing: string, action: string, reason: string): never {
  throw new Error(
    `${doing}: operation error EC2: ${action}, https response error StatusCode: 400, RequestID: 4B5C, api error ${reason}`,
  )
}
