import type { Stack } from '@pulumi/pulumi/automation/index.js'

/** What a stack tells of itself once it is up. */
export interface Outputs {
  url: string
  ip: string
  /** How to get in, or `closed`. */
  ssh: string
  /** Empty where anyone may write. */
  writeToken: string
  release: string
  runtime: string
  /** The SHA-256 of desired.json. */
  desired: string
  region: string
  bucket: string
  instanceId: string
  volumeId: string
  /** The ARNs of the topics that alarms go to. */
  alarmTopics: string[]
}

/** What is there of it; nothing before the first `npm run up` has succeeded. */
export async function readOutputs(stack: Stack): Promise<Partial<Outputs>> {
  const outputs = Object.entries(await stack.outputs())
  return Object.fromEntries(outputs.map(([name, { value }]) => [name, value]))
}

/** @throws {Error} where the stack is not up */
export async function requireOutputs(stack: Stack): Promise<Outputs> {
  const outputs = await readOutputs(stack)
  if (isWhole(outputs)) return outputs
  throw new Error(`Stack ${stack.name} is not up: npm run up -- --stack ${stack.name}`)
}

function isWhole(outputs: Partial<Outputs>): outputs is Outputs {
  return outputs.url !== undefined && outputs.instanceId !== undefined
}
