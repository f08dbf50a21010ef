import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { step } from '../terminal/step.ts'
import { refresh, shortType } from './apply.ts'
import type { Place } from './aws/call.ts'
import { findInstances, type Instance, startInstance } from './aws/ec2-instances.ts'
import { cureFor } from './cures.ts'
import { type Resource, readDeployment } from './deployment.ts'

/** A stack's instance and data volume as AWS has them. */
export interface Standing {
  /** Undefined before the first `npx onebox up`, and if AWS no longer has it. */
  instance: KnownInstance | undefined
  /** URNs of what is in Pulumi's state, but no longer on AWS. */
  missing: string[]
  /** Known even before the first `npx onebox up` has finished. */
  volume: { id: string; zone: string } | undefined
  /** Whether the data is in DynamoDB, for several machines. */
  hasTables: boolean
}

interface KnownInstance extends Instance {
  urn: string
}

/**
 * Looks at the instance, and has Pulumi forget what was removed outside it: otherwise the provider
 * tries to stop an instance that no longer exists before it moves the volume, and fails.
 */
export async function reconcile(
  stack: Stack,
  place: Place,
  command: 'up' | 'destroy',
): Promise<Standing> {
  const standing = await lookAtInstance(stack, place)
  const { missing } = standing
  if (missing.length > 0) await refresh(stack, command, missing)
  return standing
}

/** Prints what AWS no longer has; changes nothing. */
export async function lookAtInstance(stack: Stack, place: Place): Promise<Standing> {
  const resources = await readResources(stack)
  const known = resources.filter(isInstance)
  const data = { volume: findVolume(resources), hasTables: resources.some(isTable) }
  if (known.length === 0) return { instance: undefined, missing: [], ...data }
  const found = await findInstances(
    place,
    known.map(({ id }) => id),
  )
  if (found === undefined) return { instance: undefined, missing: [], ...data }
  const lost = resources.filter((resource) => isLost(resource, found, resources))
  if (lost.length > 0) step(`AWS no longer has ${lost.map(nameOf).join(', ')}`)
  const [instance] = known.flatMap(({ id, urn }) => {
    return found.filter((each) => each.id === id).map((each) => ({ ...each, urn }))
  })
  return { instance, missing: lost.map(({ urn }) => urn), ...data }
}

async function readResources(stack: Stack): Promise<Resource[]> {
  const { resources = [] } = await readDeployment(stack)
  return resources.filter((resource) => !resource.delete)
}

function findVolume(resources: Resource[]): Standing['volume'] {
  const volume = resources.find(({ type }) => type === 'aws:ebs/volume:Volume')
  return volume && { id: volume.id, zone: volume.inputs?.availabilityZone ?? '' }
}

export function isTable({ type }: Resource): boolean {
  return type === 'aws:dynamodb/table:Table'
}

function isInstance({ type }: Resource): boolean {
  return type === 'aws:ec2/instance:Instance'
}

function isLost(resource: Resource, found: Instance[], resources: Resource[]): boolean {
  const { type, id, inputs = {} } = resource
  if (isInstance(resource)) return !found.some((each) => each.id === id)
  const holder = found.find((each) => each.id === inputs.instanceId)
  if (type === 'aws:ec2/volumeAttachment:VolumeAttachment') {
    return holder?.volumeIds.includes(inputs.volumeId ?? '') !== true
  }
  if (type !== 'aws:ec2/eipAssociation:EipAssociation') return false
  const address = resources.find((each) => each.id === inputs.allocationId)
  return holder === undefined || (isUp(holder) && holder.ip !== address?.outputs?.publicIp)
}

export function standingLines(instance: Instance | undefined): string[] {
  if (instance === undefined || isUp(instance)) return []
  return [`${instance.id} is ${instance.state}: npx onebox up starts it`]
}

/** Starts a stopped instance. Returns whether it did. */
export async function wake(stack: Stack, place: Place, instance: Instance): Promise<boolean> {
  if (isUp(instance)) return false
  step(`Starting ${instance.id}, which is ${instance.state}`)
  try {
    await startInstance(place, instance)
    return true
  } catch (error) {
    const { message, cause } = error as Error
    const cure = cureFor(String(cause), stack.name)
    throw cure ? new Error(`${message}. ${cure}`, { cause }) : error
  }
}

/** A stopped instance may have no address. */
export function isUp({ state }: Instance): boolean {
  return state === 'running' || state === 'pending'
}

function nameOf({ urn, type, id }: Resource): string {
  return `${shortType(type)} ${urn.split('::').at(-1)} (${id})`
}
