import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { step } from '../terminal/step.ts'
import { call, type Place } from './aws/call.ts'
import { callJson } from './aws/json-call.ts'
import { type Resource, readDeployment, writeDeployment } from './deployment.ts'
import { isTable } from './instance.ts'
import { withLock } from './lock.ts'

/**
 * Lets Pulumi and AWS delete the tables. Pulumi's state knows first: should this be cut off, the next
 * `up` protects them again.
 */
export async function unprotectTables(stack: Stack, place: Place) {
  await withLock(stack, async () => {
    const deployment = await readDeployment(stack)
    const resources = deployment.resources?.map(unprotected) ?? []
    await writeDeployment(stack, { ...deployment, resources })
  })
  const { resources = [] } = await readDeployment(stack)
  const tables = resources.filter(isTable)
  step(`Switching off the deletion protection of ${tables.map(({ id }) => id).join(', ')}`)
  for (const { id } of tables) await allowDeletion(place, id)
}

function unprotected(resource: Resource): Resource {
  if (!isTable(resource)) return resource
  const off = { deletionProtectionEnabled: false }
  const { inputs, outputs } = resource
  return {
    ...resource,
    protect: false,
    inputs: { ...inputs, ...off },
    outputs: { ...outputs, ...off },
  }
}

async function allowDeletion(place: Place, TableName: string) {
  const request = callJson(place, {
    service: 'dynamodb',
    endpoint: `https://dynamodb.${place.region}.amazonaws.com`,
    version: '1.0',
    target: 'DynamoDB_20120810.UpdateTable',
    body: { TableName, DeletionProtectionEnabled: false },
  })
  await call(request.catch(ignoreMissing))
}

/** After a destroy that was cut off. */
function ignoreMissing(error: Error) {
  if (error.name !== 'ResourceNotFoundException') throw error
}
