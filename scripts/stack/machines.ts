import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { span } from '../../server/status/format.ts'
import type { Instance } from '../instance/ssh.ts'
import { shortId } from '../site/health.ts'
import type { Place } from './aws/call.ts'
import { listMachines } from './aws/ec2-instances.ts'
import { readHeartbeats } from './aws/heartbeats.ts'
import { readTargetHealth } from './aws/target-health.ts'
import { type DeployedStack, type Fleet, isFleet, type Outputs } from './outputs.ts'
import { placeOf, readSettings } from './settings.ts'

/** One of several machines, as AWS, the load balancer and the tables have it. */
export interface MachineStatus {
  id: string
  zone: string
  launchedAt: string
  /** What the load balancer says, such as `healthy`; until it knows the machine, what EC2 says. */
  state: string
  /** Why it is not healthy; empty if it is. */
  reason: string
  /** What its server last said that it runs; absent before it has. */
  release?: string
}

/** @throws {Error} if AWS does not answer, or refuses */
export async function readMachines(place: Place, fleet: Fleet): Promise<MachineStatus[]> {
  const [machines, healths, heartbeats] = await Promise.all([
    listMachines(place, fleet.group),
    readTargetHealth(place, fleet.targetGroup),
    readHeartbeats(place, fleet.tablePrefix),
  ])
  return machines.map(({ id, zone, launchedAt, state }) => {
    const health = healths.get(id) ?? { state, reason: 'unknown to the load balancer' }
    const beat = heartbeats.get(id)
    return { id, zone, launchedAt, ...health, ...(beat && { release: beat.release }) }
  })
}

/** What is wrong with the machines; undefined if as many as there should be run the release. */
export function problemOfMachines(
  machines: MachineStatus[],
  { machines: least, release }: { machines: number; release: string },
): string | undefined {
  const good = machines.filter((each) => each.state === 'healthy' && each.release === release)
  const behind = machines.filter((each) => each.state === 'healthy' && each.release !== release)
  const ids = behind.map(({ id }) => id).join(' and ')
  if (behind.length > 0) return `${ids} does not run release ${shortId(release)}`
  if (good.length >= least) return undefined
  return `${good.length} of ${least} machines run release ${shortId(release)}`
}

/** A line for each. */
export function machineLines(machines: MachineStatus[]): string[] {
  return machines.map(({ id, zone, launchedAt, state, reason, release }) => {
    const age = span((Date.now() - Date.parse(launchedAt)) / 1000)
    const runs = release === undefined ? 'no release yet' : `release ${shortId(release)}`
    return `${id} in ${zone}, ${runs}, ${age} old, ${[state, reason].filter(Boolean).join(': ')}`
  })
}

/**
 * Where SSH leads to: the box, or those of several machines whose id starts with `wanted`.
 * @throws {Error} if there is none
 */
export async function findTargets(
  { stack, outputs }: DeployedStack,
  wanted = '',
): Promise<[Instance, ...Instance[]]> {
  const all = isFleet(outputs) ? await listTargets(stack, outputs) : [outputs]
  const [first, ...others] = all.filter(({ instanceId }) => instanceId.startsWith(wanted))
  if (first) return [first, ...others]
  const what = wanted === '' ? 'running machine' : `instance ${wanted}`
  throw new Error(`Stack ${stack.name} has no ${what}: see npx onebox status --stack ${stack.name}`)
}

async function listTargets(stack: Stack, fleet: Outputs & Fleet): Promise<Instance[]> {
  const place = placeOf(await readSettings(stack))
  const machines = await listMachines(place, fleet.group)
  return machines
    .filter(({ state }) => state === 'running')
    .map(({ id, ip }) => ({ ...fleet, instanceId: id, ip }))
}
