import type { Place } from './call.ts'
import { getJson } from './json-call.ts'

/**
 * What Data Lifecycle Manager says of the policy that makes snapshots of a volume of this name, such
 * as `ENABLED` or `ERROR`; undefined if there is none.
 * https://docs.aws.amazon.com/dlm/latest/APIReference/API_GetLifecyclePolicies.html
 */
export async function readSnapshotPolicy(
  place: Place,
  volumeName: string,
): Promise<string | undefined> {
  const { Policies = [] } = await getJson<{ Policies?: { State?: string }[] }>(place, {
    service: 'dlm',
    endpoint: `https://dlm.${place.region}.amazonaws.com`,
    path: '/policies',
    query: { targetTags: `Name=${volumeName}` },
  })
  return Policies[0]?.State
}
