import type { Snapshot } from './aws/snapshots.ts'
import { minute } from './format.ts'
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
}

function lineOf(snapshot: Snapshot, region: string): string {
  const { id, startedAt, state, volumeGiB, bytes, isDaily } = snapshot
  const kind = isDaily ? 'daily' : 'final'
  const standing = state === 'completed' ? '' : `, ${state}`
  const cost = tellSnapshotCost(region, bytes || volumeGiB * 2 ** 30)
  return `${id}  ${minute(startedAt)}  ${kind}  ${volumeGiB} GiB  ${cost}${standing}`
}
