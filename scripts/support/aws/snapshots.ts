import { DeleteSnapshotCommand, EC2Client, paginateDescribeSnapshots } from '@aws-sdk/client-ec2'
import { ask, collect, type Place } from './ask.ts'

export interface Snapshot {
  id: string
  startedAt: string
  state: string
  volumeGiB: number
  /** What is stored for it at most, as snapshots share what has not changed; 0 while not known. */
  bytes: number
  /** Whether it is one of the daily ones, which AWS removes by itself while the stack is up. */
  isDaily: boolean
}

/** The snapshots of a stack's data volume, newest first. */
export async function listSnapshots(
  place: Place,
  { project, stack }: { project: string; stack: string },
): Promise<Snapshot[]> {
  const tags = { Project: project, Stack: stack }
  const Filters = Object.entries(tags).map(([tag, value]) => ({
    Name: `tag:${tag}`,
    Values: [value],
  }))
  const pages = paginateDescribeSnapshots(
    { client: new EC2Client(place) },
    { OwnerIds: ['self'], Filters },
  )
  const found = (await ask(collect(pages))).flatMap(({ Snapshots = [] }) => Snapshots)
  return found
    .map((each) => ({
      id: each.SnapshotId ?? '',
      startedAt: each.StartTime?.toISOString() ?? '',
      state: each.State ?? '',
      volumeGiB: each.VolumeSize ?? 0,
      bytes: each.FullSnapshotSizeInBytes ?? 0,
      isDaily: (each.Tags ?? []).some(({ Key }) => Key === 'aws:dlm:lifecycle-policy-id'),
    }))
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt))
}

export async function deleteSnapshot(place: Place, id: string) {
  await ask(new EC2Client(place).send(new DeleteSnapshotCommand({ SnapshotId: id })))
}
