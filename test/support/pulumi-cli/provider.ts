import { type FakeFleet, isAllowed, setState, terminate } from '../aws-instances.ts'
import type { StoredResource } from './state.ts'

type Work = (
  fleet: FakeFleet,
  resource: StoredResource,
) => undefined | string | Promise<undefined | string>

/**
 * Does to an instance and what hangs on it what Pulumi's AWS provider does.
 * @returns what AWS refuses, as the provider tells it
 */
export async function provide(fleet: FakeFleet, operation: string, resource: StoredResource) {
  const kind = operation.startsWith('delete') ? endings : makings
  const refusal = operation === 'update' ? undefined : await kind[resource.type]?.(fleet, resource)
  if (refusal === undefined) await fleet.onInstances()
  return refusal
}

/** Whether the provider still finds a resource when it refreshes it. */
export function isThere({ instances }: FakeFleet, { type, id, inputs }: StoredResource): boolean {
  const isInstance = type === 'aws:ec2/instance:Instance'
  const found = instances.find((each) => each.id === (isInstance ? id : inputs.instanceId))
  if (isInstance) return found !== undefined && found.state !== 'terminated'
  if (type.endsWith(':VolumeAttachment')) return found?.volumeIds.includes(inputs.volumeId) === true
  return type.endsWith(':EipAssociation') ? Boolean(found?.ip) : true
}

const makings: Record<string, Work> = {
  'aws:ec2/instance:Instance'(fleet, { id, inputs }) {
    const { instances, images } = fleet
    const { ami, instanceType: type } = inputs
    if (!isAllowed(fleet, type)) {
      const reason = `api error InvalidParameterCombination: The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, run 'describe-instance-types' with the filter 'free-tier-eligible=true'.`
      return `creating EC2 Instance: ${tell('RunInstances', reason)}`
    }
    if (!images.some((image) => image.id === ami)) {
      const reason = `api error InvalidAMIID.NotFound: The image id '[${ami}]' does not exist`
      return `creating EC2 Instance: ${tell('RunInstances', reason)}`
    }
    instances.push({ id, state: 'running', type, imageId: ami, volumeIds: [], ip: '' })
  },

  'aws:ec2/volumeAttachment:VolumeAttachment'({ instances }, { inputs }) {
    const { instanceId, volumeId } = inputs
    const holder = instances.find(({ volumeIds }) => volumeIds.includes(volumeId))
    if (holder) {
      const reason = `api error VolumeInUse: ${volumeId} is already attached to an instance`
      return `attaching EBS Volume (${volumeId}): ${tell('AttachVolume', reason)}`
    }
    instances.find(({ id }) => id === instanceId)?.volumeIds.push(volumeId)
  },

  'aws:ec2/eip:Eip'({ addresses }, { id, outputs }) {
    addresses.set(id, outputs.publicIp)
  },

  'aws:ec2/eipAssociation:EipAssociation'({ instances, addresses }, { inputs }) {
    const ip = addresses.get(inputs.allocationId) ?? ''
    for (const each of instances) {
      if (each.id === inputs.instanceId) each.ip = ip
      else if (each.ip === ip) each.ip = ''
    }
  },
}

const endings: Record<string, Work> = {
  async 'aws:ec2/instance:Instance'(fleet, { id }) {
    await terminate(fleet, id)
    return undefined
  },

  /** It stops the instance first and forgives nothing, not even that there is none. */
  async 'aws:ec2/volumeAttachment:VolumeAttachment'(fleet, { id, inputs }) {
    const { instanceId, volumeId, stopInstanceBeforeDetaching } = inputs
    const refusal = stopInstanceBeforeDetaching && (await setState(fleet, instanceId, 'stopped'))
    if (refusal) {
      const [, code, message] =
        /<Code>(.*)<\/Code><Message>(.*)<\/Message>/.exec(refusal.body) ?? []
      const reason = tell('StopInstances', `api error ${code}: ${message}`)
      return `deleting EBS Volume Attachment (${id}): stopping EC2 Instance (${instanceId}): ${reason}`
    }
    const instance = fleet.instances.find((each) => each.id === instanceId)
    if (instance) instance.volumeIds = instance.volumeIds.filter((each) => each !== volumeId)
    return undefined
  },

  'aws:ec2/eipAssociation:EipAssociation'({ instances }, { inputs }) {
    const instance = instances.find(({ id }) => id === inputs.instanceId)
    if (instance) instance.ip = ''
    return undefined
  },
}

function tell(action: string, reason: string): string {
  return `operation error EC2: ${action}, https response error StatusCode: 400, RequestID: 4B5C, ${reason}`
}
