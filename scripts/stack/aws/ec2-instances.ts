import {
  type Instance as Described,
  EC2Client,
  paginateDescribeInstances,
  paginateDescribeInstanceTypeOfferings,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
} from '@aws-sdk/client-ec2'
import { call, callIfAllowed, collect, type Place } from './call.ts'

export interface Instance {
  id: string
  /** Such as `running`. */
  state: string
  type: string
  imageId: string
  volumeIds: string[]
  /** Its public address; empty is none. */
  ip: string
}

/**
 * Those of the ids that exist, without terminated ones, which AWS lists for an hour. Undefined
 * without the permission.
 */
export async function findInstances(place: Place, ids: string[]): Promise<Instance[] | undefined> {
  const client = new EC2Client(place)
  // Asked by id, AWS answers with an error for all if it has forgotten one.
  const Filters = [{ Name: 'instance-id', Values: ids }]
  const pages = await callIfAllowed(collect(paginateDescribeInstances({ client }, { Filters })))
  const found = pages
    ?.flatMap(({ Reservations = [] }) => Reservations)
    .flatMap(({ Instances = [] }) => Instances)
    .map(toInstance)
  const ending = found?.filter(({ state }) => state === 'shutting-down') ?? []
  for (const { id } of ending) await waitUntil(waitUntilInstanceTerminated, place, id)
  return found?.filter(({ state }) => !/^(shutting-down|terminated)$/.test(state))
}

/** One of several machines. */
export interface Machine extends Instance {
  zone: string
  launchedAt: string
}

/** The machines of an Auto Scaling group, oldest first, without those that are shutting down. */
export async function listMachines(place: Place, group: string): Promise<Machine[]> {
  const Filters = [
    { Name: 'tag:aws:autoscaling:groupName', Values: [group] },
    { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] },
  ]
  const pages = paginateDescribeInstances({ client: new EC2Client(place) }, { Filters })
  return (await call(collect(pages)))
    .flatMap(({ Reservations = [] }) => Reservations)
    .flatMap(({ Instances = [] }) => Instances)
    .map((each) => ({
      ...toInstance(each),
      zone: each.Placement?.AvailabilityZone ?? '',
      launchedAt: each.LaunchTime?.toISOString() ?? '',
    }))
    .sort((a, b) => a.launchedAt.localeCompare(b.launchedAt) || a.id.localeCompare(b.id))
}

function toInstance({ BlockDeviceMappings = [], ...each }: Described): Instance {
  return {
    id: each.InstanceId ?? '',
    state: each.State?.Name ?? '',
    type: each.InstanceType ?? '',
    imageId: each.ImageId ?? '',
    volumeIds: BlockDeviceMappings.map(({ Ebs }) => Ebs?.VolumeId ?? ''),
    ip: each.PublicIpAddress ?? '',
  }
}

/** Starts one that is stopped, or about to be, and waits until it runs. */
export async function startInstance(place: Place, { id, state }: Instance) {
  if (state === 'stopping') await waitUntil(waitUntilInstanceStopped, place, id)
  await call(new EC2Client(place).send(new StartInstancesCommand({ InstanceIds: [id] })))
  await waitUntil(waitUntilInstanceRunning, place, id)
}

/** Stops one and waits until it has. */
export async function stopInstance(place: Place, id: string) {
  await call(new EC2Client(place).send(new StopInstancesCommand({ InstanceIds: [id] })))
  await waitUntil(waitUntilInstanceStopped, place, id)
}

/** Ends one for good and waits until it has. */
export async function terminateInstance(place: Place, id: string) {
  await call(new EC2Client(place).send(new TerminateInstancesCommand({ InstanceIds: [id] })))
  await waitUntil(waitUntilInstanceTerminated, place, id)
}

/** The zones of a region that offer a type, in alphabetical order. */
export async function findZones(place: Place, type: string): Promise<string[]> {
  const Filters = [{ Name: 'instance-type', Values: [type] }]
  const input = { LocationType: 'availability-zone', Filters } as const
  const pages = paginateDescribeInstanceTypeOfferings({ client: new EC2Client(place) }, input)
  return (await call(collect(pages)))
    .flatMap(({ InstanceTypeOfferings = [] }) => InstanceTypeOfferings)
    .map(({ Location = '' }) => Location)
    .sort()
}

type Wait = typeof waitUntilInstanceRunning

async function waitUntil(wait: Wait, place: Place, id: string) {
  const patience = { client: new EC2Client(place), maxWaitTime: 600, minDelay: 2, maxDelay: 10 }
  await call(wait(patience, { InstanceIds: [id] }))
}
