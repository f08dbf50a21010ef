import type { Place } from './aws/call.ts'
import { listSnapshots } from './aws/ebs-snapshots.ts'
import { readSnapshotPolicy } from './aws/snapshot-policy.ts'
import { project } from './settings.ts'

export interface SnapshotStatus {
  /** When the youngest complete one was begun; absent before the first. */
  youngestAt?: string
  /** The state of the policy that makes one a day; absent without it. */
  policy?: string
}

/** The snapshots of a stack's data volume; undefined if AWS does not say. */
export async function readSnapshotStatus(
  place: Place,
  stack: string,
): Promise<SnapshotStatus | undefined> {
  try {
    const [snapshots, policy] = await Promise.all([
      listSnapshots(place, { project, stack }),
      readSnapshotPolicy(place, `${project}-${stack}-data`),
    ])
    const youngest = snapshots.find(({ state }) => state === 'completed')
    return { ...(youngest && { youngestAt: youngest.startedAt }), ...(policy && { policy }) }
  } catch {
    return undefined
  }
}

const lateHours = 30

/** Why daily snapshots may be missing. A new volume has none on its first day. */
export function problemsOfSnapshots(
  { youngestAt, policy }: SnapshotStatus,
  now = Date.now(),
): string[] {
  if (policy === undefined) return ['No policy makes snapshots of the data volume: npx onebox up']
  if (policy !== 'ENABLED')
    return [`The policy for daily snapshots is ${policy}: see AWS's console`]
  const isLate = youngestAt && now - Date.parse(youngestAt) > lateHours * 3_600_000
  return isLate ? [`The youngest snapshot of the data volume is of ${youngestAt}`] : []
}
