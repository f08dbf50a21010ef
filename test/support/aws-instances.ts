import { ec2, filtersOf, listOf, type Reply, refuse } from './aws-replies.ts'

interface FakeInstance {
  id: string
  state: 'running' | 'stopped' | 'terminated'
  type: string
  imageId: string
  /** Data volumes, without the disk that it boots from. */
  volumeIds: string[]
  /** Its public address, such as an Elastic IP; empty is none. */
  ip: string
  /** Of one of several machines. */
  group?: { name: string; zone: string; at: Date; health: string }
}

interface FakeImage {
  id: string
  name: string
  at: Date
}

/** The part of AWS that knows of instances. */
export interface FakeFleet {
  /** Those of the last hour; AWS then forgets one that is terminated. */
  instances: FakeInstance[]
  images: FakeImage[]
  /** The account's; undefined if whoever asks may not know. */
  plan: 'FREE' | 'PAID' | undefined
  /** Elastic IPs, by their id. */
  addresses: Map<string, string>
  /** Zones without room for another instance. */
  fullZones: string[]
  /** Called after an instance was made, changed or ended. */
  onInstances: () => void | Promise<void>
}

type Action = (fleet: FakeFleet, parameters: URLSearchParams) => Reply | Promise<Reply>

/** AWS's API for instances and images, as far as our commands use it. */
export const instanceActions: Record<string, Action> = {
  DescribeInstances({ instances }, parameters) {
    const ids = listOf(parameters, 'InstanceId')
    const lost = ids.find((id) => !instances.some((each) => each.id === id))
    if (lost) return refuseLost(lost)
    const filters = filtersOf(parameters)
    const groups = filters.get('tag:aws:autoscaling:groupName')
    const wanted = filters.get('instance-id') ?? ids
    const isWanted = ({ id, group, state }: FakeInstance) =>
      groups ? state !== 'terminated' && groups.includes(group?.name ?? '') : wanted.includes(id)
    const found = instances.filter(isWanted).map(instanceItem)
    const reservation = `<item><reservationId>r-0</reservationId><instancesSet>${found.join('')}</instancesSet></item>`
    return ec2(
      'DescribeInstances',
      `<reservationSet>${found.length > 0 ? reservation : ''}</reservationSet>`,
    )
  },

  async StartInstances(fleet, parameters) {
    const [id = ''] = listOf(parameters, 'InstanceId')
    const refusal = await setState(fleet, id, 'running')
    return refusal ?? ec2('StartInstances', '<instancesSet/>')
  },

  async StopInstances(fleet, parameters) {
    const [id = ''] = listOf(parameters, 'InstanceId')
    const refusal = await setState(fleet, id, 'stopped')
    return refusal ?? ec2('StopInstances', '<instancesSet/>')
  },

  async TerminateInstances(fleet, parameters) {
    const [id = ''] = listOf(parameters, 'InstanceId')
    if (!fleet.instances.some((each) => each.id === id)) return refuseLost(id)
    await terminate(fleet, id)
    return ec2('TerminateInstances', '<instancesSet/>')
  },

  DescribeInstanceTypeOfferings(_, parameters) {
    const [type = ''] = filtersOf(parameters).get('instance-type') ?? []
    const items = ['eu-central-1b', 'eu-central-1a'].map(
      (zone) => `<item><instanceType>${type}</instanceType><location>${zone}</location></item>`,
    )
    const offered = `<instanceTypeOfferingSet>${items.join('')}</instanceTypeOfferingSet>`
    return ec2('DescribeInstanceTypeOfferings', offered)
  },

  DescribeImages({ images }, parameters) {
    const ids = filtersOf(parameters).get('image-id') ?? []
    const found = images.filter(({ id }) => ids.includes(id)).map(imageItem)
    return ec2('DescribeImages', `<imagesSet>${found.join('')}</imagesSet>`)
  },

  DescribeInstanceTypes(_, parameters) {
    const cpus = filtersOf(parameters).get('processor-info.supported-architecture') ?? []
    const found = freeTypes
      .filter(({ cpu }) => cpus.includes(cpu))
      .map(
        ({ type, mebibytes }) => `<item>
          <instanceType>${type}</instanceType>
          <memoryInfo><sizeInMiB>${mebibytes}</sizeInMiB></memoryInfo>
        </item>`,
      )
    return ec2('DescribeInstanceTypes', `<instanceTypeSet>${found.join('')}</instanceTypeSet>`)
  },
}

const freeTypes = [
  { type: 't4g.small', mebibytes: 2048, cpu: 'arm64' },
  { type: 't4g.micro', mebibytes: 1024, cpu: 'arm64' },
  { type: 't3.small', mebibytes: 2048, cpu: 'x86_64' },
  { type: 't3.micro', mebibytes: 1024, cpu: 'x86_64' },
]

/** Whether the account's plan lets an instance of that type be made. */
export function isAllowed({ plan }: FakeFleet, type: string): boolean {
  return plan !== 'FREE' || freeTypes.some((each) => each.type === type)
}

/** In the protocol of newer services. */
export function describePlan({ plan }: FakeFleet): Reply {
  const refusal = { __type: 'AccessDeniedException', message: 'not authorized' }
  if (!plan) return { status: 400, body: JSON.stringify(refusal) }
  const known = { accountId: '123456789012', accountPlanStatus: 'ACTIVE' }
  return { status: 200, body: JSON.stringify({ ...known, accountPlanType: plan }) }
}

/** Starts or stops it, or gives what AWS says to that for one that is no more. */
export async function setState(fleet: FakeFleet, id: string, state: 'running' | 'stopped') {
  const instance = fleet.instances.find((each) => each.id === id)
  if (!instance) return refuseLost(id)
  if (instance.state === 'terminated') {
    const verb = state === 'running' ? 'started' : 'stopped'
    const message = `This instance '${id}' is not in a state from which it can be ${verb}.`
    return refuse('ec2', 400, 'IncorrectInstanceState', message)
  }
  instance.state = state
  await fleet.onInstances()
}

/** As by a click in the console: the data volume stays, and so does the address. */
export async function terminate(fleet: FakeFleet, id: string) {
  const instance = fleet.instances.find((each) => each.id === id)
  if (instance) Object.assign(instance, { state: 'terminated', volumeIds: [], ip: '' })
  await fleet.onInstances()
}

function refuseLost(id: string): Reply {
  const message = `The instance ID '${id}' does not exist`
  return refuse('ec2', 400, 'InvalidInstanceID.NotFound', message)
}

const stateCodes = { running: 16, terminated: 48, stopped: 80 }

/** What the load balancer says of its targets, in the protocol of older services. */
export function describeTargets({ instances }: FakeFleet): Reply {
  const targets = instances.filter(({ group, state }) => group && state === 'running')
  const members = targets.map(({ id, group }) => {
    const isHealthy = group?.health === 'healthy'
    const reason = `<Reason>Target.ResponseCodeMismatch</Reason><Description>Health checks failed with these codes: [503]</Description>`
    return `<member>
      <HealthCheckPort>80</HealthCheckPort>
      <Target><Port>80</Port><Id>${id}</Id></Target>
      <TargetHealth>${isHealthy ? '' : reason}<State>${group?.health}</State></TargetHealth>
      <AdministrativeOverride><State>no_override</State></AdministrativeOverride>
    </member>`
  })
  const body = `<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
    <DescribeTargetHealthResult>
      <TargetHealthDescriptions>${members.join('')}</TargetHealthDescriptions>
    </DescribeTargetHealthResult>
  </DescribeTargetHealthResponse>`
  return { status: 200, body }
}

function instanceItem({ id, state, type, imageId, volumeIds, ip, group }: FakeInstance): string {
  const volumes = volumeIds.map(
    (id) => `<item>
      <deviceName>/dev/sdf</deviceName>
      <ebs><volumeId>${id}</volumeId><status>attached</status></ebs>
    </item>`,
  )
  return `<item>
    <instanceId>${id}</instanceId>
    <imageId>${imageId}</imageId>
    <instanceState><code>${stateCodes[state]}</code><name>${state}</name></instanceState>
    <instanceType>${type}</instanceType>
    ${ip && `<ipAddress>${ip}</ipAddress>`}
    ${group ? `<placement><availabilityZone>${group.zone}</availabilityZone></placement><launchTime>${group.at.toISOString()}</launchTime>` : ''}
    <blockDeviceMapping>${volumes.join('')}</blockDeviceMapping>
  </item>`
}

function imageItem({ id, name, at }: FakeImage): string {
  return `<item>
    <imageId>${id}</imageId>
    <name>${name}</name>
    <imageState>available</imageState>
    <creationDate>${at.toISOString()}</creationDate>
  </item>`
}
