import type { Config } from '../../provisioning/config.ts'
import { minute } from '../terminal/format.ts'
import type { Place } from './aws/ask.ts'
import { findSnapshot, type Snapshot } from './aws/snapshots.ts'
import { tellSnapshotCost } from './prices.ts'

/** Lists snapshots, what they cost, and what can be done with them. */
export function tellSnapshots(
  snapshots: Snapshot[],
  { region, stack }: { region: string; stack: string },
) {
  const [newest] = snapshots
  if (!newest) return console.log(`Stack ${stack} has no snapshots in ${region}`)
  for (const snapshot of snapshots) console.log(lineOf(snapshot, region))
  console.log(`
  npm run up -- --stack ${stack} --restore ${newest.id}
    makes a stack that has no volume with the data of the newest
  npm run snapshots -- --stack ${stack} --delete ${newest.id}
    deletes it for good; until then it is billed`)
  const count = leftoversOf(snapshots).length
  if (count === 0) return
  console.log(`  npm run snapshots -- --stack ${stack} --delete-leftovers
    deletes ${count === 1 ? 'the leftover one' : `the ${count} leftover ones`}, daily snapshots of a volume that is gone, which AWS no longer removes`)
}

/** What can go; never the newest of all, as it may be all that is left of the data. */
export function leftoversOf([, ...older]: Snapshot[]): Snapshot[] {
  return older.filter(({ kind }) => kind === 'leftover')
}

function lineOf(snapshot: Snapshot, region: string): string {
  const { id, startedAt, state, volumeGiB, bytes, kind } = snapshot
  const standing = state === 'completed' ? '' : `, ${state}`
  const cost = tellSnapshotCost(region, bytes || volumeGiB * 2 ** 30)
  return `${id}  ${minute(startedAt)}  ${kind.padEnd(8)}  ${volumeGiB} GiB  ${cost}${standing}`
}

/** @throws {Error} one line, unless the data volume can be made from its snapshot right now */
export async function assertRestorable(place: Place, config: Config) {
  const { restoreSnapshotId: id, volumeSizeGiB, stack, project } = config
  const { State, StateMessage, Progress, StorageTier, VolumeSize } = await demand(place, id)
  if (State === 'pending') {
    throw new Error(`${id} is not complete yet (${Progress}): try again once it is`)
  }
  if (State !== 'completed') {
    const reason = [State, StateMessage].filter(Boolean).join(', ')
    throw new Error(`${id} cannot be restored (${reason}): npm run snapshots lists others`)
  }
  if (StorageTier === 'archive') {
    const cure = `aws ec2 restore-snapshot-tier --permanent-restore --snapshot-id ${id}, then wait`
    throw new Error(`${id} is archived: ${cure}`)
  }
  if (VolumeSize !== undefined && VolumeSize > volumeSizeGiB) {
    const cure = `npm run pulumi -- config --stack ${stack} set ${project}:volumeSizeGiB ${VolumeSize}`
    throw new Error(`${id} needs a volume of ${VolumeSize} GiB, not of ${volumeSizeGiB}: ${cure}`)
  }
}

async function demand(place: Place, id: string) {
  const snapshot = await findSnapshot(place, id)
  if (snapshot) return snapshot
  const cure = 'npm run snapshots lists those of a stack, aws ec2 copy-snapshot brings one here'
  throw new Error(`There is no snapshot ${id} in ${place.region}: ${cure}`)
}
