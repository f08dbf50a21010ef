import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { placeOf, readSettings } from './settings.ts'
import { selectStack } from './workspace.ts'

/** What the outputs of several machines have besides. */
export interface Fleet {
  /** How many there are at least. */
  machines: number
  /** The Auto Scaling group. */
  group: string
  /** The ARN of the target group. */
  targetGroup: string
  /** The beginning of the names of the tables. */
  tablePrefix: string
}

/** The outputs of a stack that is up. */
export interface Outputs extends Partial<Fleet> {
  /** Plain HTTP, which always answers; site/secure.ts finds the address to use. */
  url: string
  ip: string
  /** Empty if there is none; absent in stacks from before there could be one. */
  domain?: string
  /** How to get in, or `closed`. */
  ssh: string
  /** The id of the endpoint for SSH; empty without one, absent in stacks from before there could be one. */
  sshEndpoint?: string
  /** The profile of the AWS CLI to use with the endpoint, if the stack names one. */
  profile?: string
  /** Empty if anyone may write. */
  writeToken: string
  release: string
  runtime: string
  /** The SHA-256 of desired.json. */
  desired: string
  region: string
  bucket: string
  /** Absent in stacks from before there was one. */
  backupBucket?: string
  /** Empty with several machines, as is `volumeId`. */
  instanceId: string
  volumeId: string
  /** The ARNs of the topics that alarms go to. */
  alarmTopics: string[]
}

/** A stack that has been up. */
export interface DeployedStack {
  stack: Stack
  outputs: Outputs
}

/** The stack and its outputs. @throws {Error} if the stack does not exist or is not up */
export async function requireStack(name: string): Promise<DeployedStack> {
  const stack = await selectStack(name)
  return { stack, outputs: await requireOutputs(stack) }
}

/** As `requireStack`, for what needs one machine with a disk. @throws {Error} with several machines */
export async function requireBox(name: string): Promise<DeployedStack> {
  const known = await requireStack(name)
  assertBox(name, known.outputs)
  return known
}

export function isFleet<O extends Partial<Outputs>>(outputs: O): outputs is O & Fleet {
  return outputs.machines !== undefined
}

/** @throws {Error} with several machines */
export function assertBox(name: string, outputs: Partial<Outputs>) {
  if (!isFleet(outputs)) return
  throw new Error(`Stack ${name} has several machines, for which onebox cannot do this yet`)
}

/** All of them, or none before the first `up` has succeeded. */
export async function readOutputs(stack: Stack): Promise<Partial<Outputs>> {
  const entries = Object.entries(await stack.outputs())
  const outputs: Partial<Outputs> = Object.fromEntries(
    entries.map(([name, { value }]) => [name, value]),
  )
  if (!outputs.sshEndpoint) return outputs
  return { ...outputs, profile: placeOf(await readSettings(stack)).profile ?? '' }
}

/** @throws {Error} if the stack is not up */
export async function requireOutputs(stack: Stack): Promise<Outputs> {
  const outputs = await readOutputs(stack)
  if (isWhole(outputs)) return outputs
  throw new Error(`Stack ${stack.name} is not up: npx onebox up --stack ${stack.name}`)
}

function isWhole(outputs: Partial<Outputs>): outputs is Outputs {
  return outputs.url !== undefined && outputs.instanceId !== undefined
}
