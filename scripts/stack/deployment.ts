import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { runCli } from './workspace.ts'

/** What Pulumi's state holds, with secrets as they are stored. */
export interface Deployment {
  /** `time` is that of the last change. */
  manifest: { time: string }
  resources?: Resource[]
  /** What a run was doing when it was cut off. */
  pending_operations?: { type: string; resource: Resource }[]
}

export interface Resource {
  urn: string
  type: string
  id: string
  inputs?: Properties
  outputs?: Properties
  /** Replaced, and still to be deleted. */
  delete?: boolean
  /** Whether Pulumi refuses to delete it. */
  protect?: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: as the provider has them
type Properties = Record<string, any>

export async function readDeployment(stack: Stack): Promise<Deployment> {
  return JSON.parse(await runCli(stack, ['stack', 'export'])).deployment
}

/** Needs the lock of the stack. */
export async function writeDeployment(stack: Stack, deployment: Deployment) {
  await runCli(stack, ['stack', 'import'], JSON.stringify({ version: 3, deployment }))
}
