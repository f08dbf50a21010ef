import type { Config } from '../../provisioning/config.ts'
import { minute } from '../terminal/format.ts'
import type { Place } from './aws/call.ts'
import { findSnapshot, type Snapshot } from './aws/ebs-snapshots.ts'
import { snapshotCostText } from './prices.ts'

/** Lists snapshots, what they cost, and how to use or delete them. */
export function printSnapshots(
  snapshots: Snapshot[],
  { region, stack }: { region: string; stack: string },
) {
  const [newest] = snapshots
  if (!newest) return console.log(`Stack ${stack} has no snapshots in ${region}`)
  for (const snapshot of snapshots) console.log(lineOf(snapshot, region))
  console.log(`
  npx onebox up --stack ${stack} --restore ${newest.id}
    restores the newest to a stack that has no volume
  npx onebox snapshots --stack ${stack} --delete ${newest.id}
    deletes it; until then it is billed`)
  const count = leftoversOf(snapshots).length
  if (count === 0) return
  console.log(`  npx onebox snapshots --stack ${stack} --delete-leftovers
    deletes ${count === 1 ? 'the leftover one' : `the ${count} leftover ones`}: daily snapshots of a deleted volume, which AWS keeps and bills`)
}

/** What can go; never the newest of all, as it may be all that is left of the data. */
export function leftoversOf([, ...older]: Snapshot[]): Snapshot[] {
  return older.filter(({ kind }) => kind === 'leftover')
}

function lineOf(snapshot: Snapshot, region: string): string {
  const { id, startedAt, state, volumeGiB, bytes, kind } = snapshot
  const standing = state === 'completed' ? '' : `, ${state}`
  const cost = snapshotCostText(region, bytes || volumeGiB * 2 ** 30)
  return `${id}  ${minute(startedAt)}  ${kind.padEnd(8)}  ${volumeGiB} GiB  ${cost}${standing}`
}

/** @throws {Error} one line, unless the data volume can be made from the snapshot right now */
export async function assertRestorable(place: Place, config: Config) {
  const { restoreSnapshotId: id, volumeSizeGiB, stack, project } = config
  const { State, StateMessage, Progress, StorageTier, VolumeSize } = await requireSnapshot(
    place,
    id,
  )
  if (State === 'pending') {
    throw new Error(`${id} is not complete yet (${Progress}): try again once it is`)
  }
  if (State !== 'completed') {
    const reason = [State, StateMessage].filter(Boolean).join(', ')
    throw new Error(`${id} cannot be restored (${reason}): npx onebox snapshots lists others`)
  }
  if (StorageTier === 'archive') {
    const cure = `aws ec2 restore-snapshot-tier --permanent-restore --snapshot-id ${id}, then wait`
    throw new Error(`${id} is archived: ${cure}`)
  }
  if (VolumeSize !== undefined && VolumeSize > volumeSizeGiB) {
    const cure = `npx onebox pulumi config --stack ${stack} set ${project}:volumeSizeGiB ${VolumeSize}`
    throw new Error(`${id} needs a volume of ${VolumeSize} GiB, not of ${volumeSizeGiB}: ${cure}`)
  }
}

async function requireSnapshot(place: Place, id: string) {
  const snapshot = await findSnapshot(place, id)
  if (snapshot) return snapshot
  const cure = 'npx onebox snapshots lists those of a stack, aws ec2 copy-snapshot copies one here'
  throw new Error(`There is no snapshot ${id} in ${place.region}: ${cure}`)
}
