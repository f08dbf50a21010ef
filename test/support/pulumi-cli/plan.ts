import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type Properties, type Resource, type Run, runProgram } from '../engine.ts'
import { project, type State, type StoredResource } from './state.ts'

export type Operation = 'same' | 'create' | 'update' | 'replace' | 'delete'

/** What becomes of a resource. */
export interface Step {
  operation: Operation
  resource: StoredResource
  /** What it is instead of. */
  old?: StoredResource | undefined
  deleteBeforeReplace?: boolean
}

export interface Plan extends Run {
  steps: Step[]
}

/** What the cloud tells of each type besides the inputs, and what it answers to questions. */
export type CloudOutputs = Record<string, Properties>

// What cannot be changed of a resource that exists. https://www.pulumi.com/registry/packages/aws/
const replacing: Record<string, string[]> = {
  'aws:ec2/instance:Instance': ['userDataBase64', 'keyName', 'ami', 'subnetId'],
  'aws:ec2/keyPair:KeyPair': ['publicKey'],
  'aws:ec2/subnet:Subnet': ['availabilityZone'],
  'aws:ebs/volume:Volume': ['snapshotId', 'availabilityZone'],
  'aws:ec2/volumeAttachment:VolumeAttachment': ['instanceId', 'volumeId'],
  'aws:ec2/eipAssociation:EipAssociation': ['instanceId', 'allocationId'],
  'aws:s3/bucketObjectv2:BucketObjectv2': ['key', 'bucket'],
}

interface Given {
  cloud: CloudOutputs
  /** URNs of what is to be made anew in any case. */
  replace: string[]
}

/** Runs the program of a folder and compares what it wants with what there is. */
export async function makePlan(
  dir: string,
  stack: string,
  state: State,
  given: Given,
): Promise<Plan> {
  const steps: Step[] = []
  const settings = Object.entries(state.config)
  const run = await runProgram({
    dir,
    stack,
    config: Object.fromEntries(settings.map(([name, { value }]) => [name, value])),
    secrets: settings.filter(([, { secret }]) => secret).map(([name]) => name),
    create: add,
    invoke: (question, inputs) => given.cloud[question] ?? answer(question, inputs, state),
  })
  const wanted = new Set(steps.map(({ resource }) => resource.urn))
  const doomed = state.resources
    .filter((resource) => resource.delete || !wanted.has(resource.urn))
    .reverse()
  const deletions = doomed.map((resource) => ({ operation: 'delete', resource }) as const)
  return { ...run, steps: [...steps, ...deletions] }

  function add(resource: Resource): Properties {
    const step = planStep(resource, stack, state, given)
    steps.push(step)
    const { inputs, outputs, id } = step.resource
    const ignored = resource.options.ignoreChanges
      .filter((name) => inputs[name] !== undefined)
      .map((name) => [name, inputs[name]])
    return { ...Object.fromEntries(ignored), ...outputs, id }
  }
}

function planStep(
  resource: Resource,
  stack: string,
  state: State,
  { cloud, replace }: Given,
): Step {
  const { type, name, urn, options } = resource
  const old = state.resources.find((each) => each.urn === urn && !each.delete)
  const operation = operationFor(resource, old, replace)
  const isNew = operation === 'create' || operation === 'replace'
  // What is to be ignored only is while the resource is kept.
  const inputs = isNew || !old ? resource.inputs : withIgnored(resource, old)
  const made = isNew || !old ? make(resource, stack) : old
  const outputs = { ...made.outputs, ...cloud[type] }
  const { retainOnDelete, deleteBeforeReplace } = options
  return {
    operation,
    resource: { type, name, urn, id: made.id, inputs, outputs, retainOnDelete },
    old,
    deleteBeforeReplace,
  }
}

function withIgnored({ inputs, options }: Resource, old: StoredResource): Properties {
  const ignored = options.ignoreChanges.map((name) => [name, old.inputs[name]])
  return { ...inputs, ...Object.fromEntries(ignored) }
}

function operationFor(
  resource: Resource,
  old: StoredResource | undefined,
  replace: string[],
): Operation {
  if (!old) return 'create'
  const inputs = JSON.parse(JSON.stringify(withIgnored(resource, old)))
  const isForced = (replacing[resource.type] ?? []).some((name) => {
    return !isDeepStrictEqual(inputs[name], old.inputs[name])
  })
  if (isForced || replace.includes(resource.urn)) return 'replace'
  return isDeepStrictEqual(inputs, old.inputs) ? 'same' : 'update'
}

const prefixes: Record<string, string> = {
  'aws:ec2/instance:Instance': 'i',
  'aws:ebs/volume:Volume': 'vol',
  'aws:ec2/eip:Eip': 'eipalloc',
  'aws:ec2/vpc:Vpc': 'vpc',
  'aws:ec2/vpcEndpoint:VpcEndpoint': 'vpce',
}

function make({ type, name, inputs }: Resource, stack: string) {
  const { region = 'eu-central-1' } = inputs
  const hex = (bytes: number) => randomBytes(bytes).toString('hex')
  const physical = `${project}-${stack}-${name}-${hex(4).slice(1)}`
  const named = { name: inputs.name ?? physical, keyName: physical }
  const special: Record<string, Properties> = {
    'aws:s3/bucket:Bucket': { bucket: physical, arn: `arn:aws:s3:::${physical}` },
    'aws:ec2/eip:Eip': { publicIp: '203.0.113.10' },
    'aws:ebs/volume:Volume': { kmsKeyId: `arn:aws:kms:${region}:123456789012:key/0a1b2c3d` },
    'aws:sns/topic:Topic': { arn: `arn:aws:sns:${region}:123456789012:${physical}` },
    'random:index/randomPassword:RandomPassword': { result: hex(20) },
  }
  const id = prefixes[type] ? `${prefixes[type]}-0${hex(8)}` : physical
  const outputs = { arn: `arn:aws:${type}:${physical}`, ...named, ...special[type] }
  return { id: type === 'aws:s3/bucket:Bucket' ? physical : id, outputs }
}

function answer(question: string, inputs: Properties, { config, objects }: State): Properties {
  const region = config['aws:region']?.value
  const isArm = /^[a-z]+\d+g/.test(inputs.instanceType ?? '')
  const answers: Record<string, Properties> = {
    getInstanceTypeOfferings: { locations: [`${region}b`, `${region}a`] },
    getInstanceType: {
      supportedArchitectures: [isArm ? 'arm64' : 'x86_64'],
      ebsNvmeSupport: 'required',
      burstablePerformanceSupported: true,
    },
    getParameter: { value: 'ami-0123456789abcdef0', insecureValue: 'ami-0123456789abcdef0' },
    getObjects: { keys: objects.filter((key) => key.startsWith(inputs.prefix ?? '')) },
  }
  const known = answers[question.slice(question.lastIndexOf(':') + 1)]
  if (!known) throw new Error(`No answer to ${question} is known here`)
  return known
}
