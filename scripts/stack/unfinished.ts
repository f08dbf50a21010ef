import { setTimeout } from 'node:timers/promises'
import { styleText } from 'node:util'
import { crc32 } from 'node:zlib'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { assertConfirmed, confirm } from '../terminal/confirm.ts'
import { step } from '../terminal/step.ts'
import { nameOf, refresh, shortType } from './apply.ts'
import type { Place } from './aws/call.ts'
import { findCreated, isOfEc2 } from './aws/created.ts'
import { findInstances } from './aws/ec2-instances.ts'
import { findTagged, findTaggedElsewhere, type Tagged } from './aws/tagged.ts'
import { type Deployment, type Resource, readDeployment, writeDeployment } from './deployment.ts'
import { Busy, withLock } from './lock.ts'
import { project } from './settings.ts'

// A provider that outlives its CLI may still call AWS, and AWS lists what is new after seconds.
const settleMs = 30_000

/** What the tagging API calls the resources outside EC2 that get an id from AWS. */
const taggedElsewhere: Record<string, string> = {
  'aws:dlm/lifecyclePolicy:LifecyclePolicy': 'policy',
  'aws:sns/topic:Topic': 'topic',
  'aws:route53/healthCheck:HealthCheck': 'healthcheck',
  'aws:lb/loadBalancer:LoadBalancer': 'loadbalancer',
  'aws:lb/targetGroup:TargetGroup': 'targetgroup',
  'aws:lb/listener:Listener': 'listener',
  'aws:acm/certificate:Certificate': 'certificate',
}

/** The ids of those that have their name as id: known before they exist. */
const named: Record<string, (inputs: Record<string, string>) => string | undefined> = {
  'aws:s3/bucket:Bucket': ({ bucket }) => bucket,
  'aws:ec2/keyPair:KeyPair': ({ keyName }) => keyName,
  'aws:iam/role:Role': ({ name }) => name,
  'aws:iam/rolePolicy:RolePolicy': ({ role, name }) => `${role}:${name}`,
  'aws:iam/instanceProfile:InstanceProfile': ({ name }) => name,
  'aws:cloudwatch/metricAlarm:MetricAlarm': ({ name }) => name,
  'aws:autoscaling/group:Group': ({ name }) => name,
  'aws:autoscaling/policy:Policy': ({ name }) => name,
  'aws:dynamodb/table:Table': ({ name }) => name,
  // As the provider makes it up.
  'aws:ec2/route:Route': ({ routeTableId, destinationCidrBlock = '' }) =>
    `r-${routeTableId}${crc32(destinationCidrBlock)}`,
}

/**
 * Enters into Pulumi's state what a run that was cut off has made on AWS without writing it down:
 * the next update would make it a second time, and nothing would ever delete the first.
 */
export async function settleUnfinished(
  stack: Stack,
  place: Place,
  command: 'up' | 'destroy',
  { yes, deployment: seen }: { yes: boolean; deployment: Deployment },
) {
  const creations = creationsOf(seen)
  if (!seen.pending_operations?.length) return
  // Changes nothing, but needs the lock.
  await withLock(stack, () => enter(stack, seen, [], false))
  step(`The last run was cut off while it made ${list(creations.map(labelOf))}`)
  if (creations.length > 0) await untilListed(seen)
  const made = await findMade(place, creations, seen.resources ?? [], stack.name)
  const isTaken = command === 'destroy' || (await isTakenOver(made, yes))
  await withLock(stack, () => enter(stack, seen, made, isTaken))
  const targets = made
    .filter(({ isTwin }) => isTaken && !isTwin)
    .map(({ resource }) => resource.urn)
  if (targets.length > 0) await refresh(stack, command, targets)
  await withLock(stack, () => finish(stack, targets))
}

/** What preview tells of it. */
export function unfinishedLines(deployment: Deployment): string[] {
  const creations = creationsOf(deployment)
  if (creations.length === 0) return []
  const what = list(creations.map(labelOf))
  return [`The last run was cut off while it made ${what}: npx onebox up looks for it on AWS`]
}

function creationsOf({ pending_operations = [] }: Deployment): Resource[] {
  return pending_operations
    .filter(({ type }) => type === 'creating')
    .map(({ resource }) => resource)
}

async function untilListed({ manifest }: Deployment) {
  const waitMs = Date.parse(manifest.time) + settleMs - Date.now()
  if (waitMs <= 0) return
  step(`Waiting ${Math.ceil(waitMs / 1000)} s, until AWS lists what was made last`)
  await setTimeout(waitMs)
}

interface Made {
  resource: Resource
  id: string
  /** Whether the state has it already. */
  isKnown: boolean
  /** Whether the stack has another one, which stays. */
  isTwin: boolean
}

/** Those of the creations that AWS has or, if their names are their ids, may have. */
async function findMade(
  place: Place,
  creations: Resource[],
  known: Resource[],
  stack: string,
): Promise<Made[]> {
  const isElsewhere = creations.some(({ type }) => taggedElsewhere[type])
  const listed = isElsewhere ? await findTaggedElsewhere(place, { project, stack }) : []
  const present = new Map(known.filter((each) => !each.delete).map(({ urn, id }) => [urn, id]))
  const made: Made[] = []
  for (const resource of creations) {
    const { urn, type } = resource
    for (const id of await findIds(place, resource, listed)) {
      const isKnown = known.some((each) => each.type === type && each.id === id)
      if (!present.has(urn)) present.set(urn, id)
      made.push({ resource, id, isKnown, isTwin: present.get(urn) !== id })
    }
  }
  return made
}

async function findIds(
  place: Place,
  { type, inputs = {} }: Resource,
  listed: Tagged[],
): Promise<string[]> {
  const id = named[type]?.(inputs)
  if (id !== undefined) return [id]
  if (isOfEc2(type)) return findCreated(place, type, inputs)
  const found = listed.filter((each) => each.type === taggedElsewhere[type])
  return found.filter(({ name }) => name === inputs.tags?.Name).map((each) => each.id)
}

/** With the stack's tags; EC2 lists those of a terminated instance for another hour. */
export async function listAlive(place: Place, stack: string): Promise<Tagged[]> {
  const listed = await findTagged(place, { project, stack })
  const ids = listed.filter(({ type }) => type === 'instance').map(({ id }) => id)
  const alive = ids.length > 0 ? await findInstances(place, ids) : []
  return listed.filter(({ id, type }) => {
    return type !== 'instance' || !alive || alive.some((each) => each.id === id)
  })
}

// What is deleted can be listed for a while.
const looks = 4
const lookAgainMs = 5000

/** Prints what AWS still has with the tags of a stack that has been destroyed. */
export async function printStrays({ name: stack }: Stack, place: Place) {
  let strays: Tagged[] = []
  for (let look = 1; look <= looks; look += 1) {
    strays = await listAlive(place, stack)
    if (strays.length === 0) return
    if (look < looks) await setTimeout(lookAgainMs)
  }
  for (const { id, type, name } of strays) {
    const what = `AWS still has the ${type.replaceAll('-', ' ')} ${id} (${name}), which may be billed`
    const cure = `delete it in the AWS console, unless another stack ${stack} of this account has it`
    console.log(styleText('yellow', `! ${what}: ${cure}`))
  }
}

async function isTakenOver(made: Made[], yes: boolean): Promise<boolean> {
  const found = made.filter(({ resource, isKnown, isTwin }) => {
    return !named[resource.type] && !isKnown && !isTwin
  })
  if (found.length === 0) return true
  const names = list(found.map(({ resource, id }) => `${labelOf(resource)} (${id})`))
  step(`AWS has ${names}, which is not in the state of the stack`)
  if (await confirm('Take it over?', { yes })) return true
  await assertConfirmed('Delete it instead?', { yes })
  return false
}

/** @throws {Busy} if another run has changed the stack since */
async function enter(stack: Stack, seen: Deployment, made: Made[], isTaken: boolean) {
  const deployment = await readDeployment(stack)
  if (deployment.manifest.time !== seen.manifest.time) {
    throw new Busy(`Another run has just changed stack ${stack.name}: try again`)
  }
  const resources = made.reduce((all, each) => {
    const entry = { ...each.resource, id: each.id, outputs: each.resource.inputs }
    return insert(all, each.isTwin || !isTaken ? { ...entry, delete: true } : entry)
  }, deployment.resources ?? [])
  await writeDeployment(stack, { ...deployment, resources })
}

/** Whatever it depends on is there before the one with its name, if there is one. */
function insert(all: Resource[], resource: Resource): Resource[] {
  if (all.some(({ type, id }) => type === resource.type && id === resource.id)) return all
  const at = all.findIndex(({ urn }) => urn === resource.urn)
  return all.toSpliced(at < 0 ? all.length : at, 0, resource)
}

/** Only now nothing is pending any more: what fails before is done again by the next run. */
async function finish(stack: Stack, targets: string[]) {
  const deployment = await readDeployment(stack)
  await writeDeployment(stack, { ...deployment, pending_operations: [] })
  const { resources = [] } = deployment
  for (const each of resources.filter(({ urn }) => targets.includes(urn))) {
    step(`Took over ${labelOf(each)} (${each.id})`)
  }
}

function labelOf({ urn, type }: Resource): string {
  return `${shortType(type)} ${nameOf(urn)}`
}

function list(words: string[]): string {
  return words.length === 0 ? 'changes' : words.join(', ')
}
