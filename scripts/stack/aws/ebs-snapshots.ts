import {
  DeleteSnapshotCommand,
  DescribeSnapshotsCommand,
  EC2Client,
  paginateDescribeSnapshots,
  paginateDescribeVolumes,
  type Snapshot as SnapshotOnAws,
} from '@aws-sdk/client-ec2'
import { call, collect, type Place } from './call.ts'

export interface Snapshot {
  id: string
  startedAt: string
  state: string
  volumeGiB: number
  /** An upper bound, as snapshots share what has not changed; 0 if not known yet. */
  bytes: number
  /**
   * AWS removes daily ones by itself while their volume exists. Those of a deleted volume are left
   * over: they stay, and cost, until somebody deletes them.
   */
  kind: 'daily' | 'leftover' | 'final'
}

/** The snapshots of a stack's data volumes, of today and earlier, newest first. */
export async function listSnapshots(
  place: Place,
  { project, stack }: { project: string; stack: string },
): Promise<Snapshot[]> {
  const found = await findSnapshots(place, { Project: project, Stack: stack })
  const volumes = await existing(place, found.filter(isDaily).map(volumeOf))
  return found
    .map((each) => toSnapshot(each, volumes))
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt))
}

export async function deleteSnapshot(place: Place, id: string) {
  await call(new EC2Client(place).send(new DeleteSnapshotCommand({ SnapshotId: id })))
}

/** One snapshot of any owner; undefined if the region does not have it. */
export async function findSnapshot(place: Place, id: string): Promise<SnapshotOnAws | undefined> {
  const command = new DescribeSnapshotsCommand({ SnapshotIds: [id] })
  const answer = new EC2Client(place).send(command).catch((error: Error) => {
    if (error.name.startsWith('InvalidSnapshot')) return { Snapshots: [] }
    throw error
  })
  const { Snapshots: [snapshot] = [] } = await call(answer)
  return snapshot
}

async function findSnapshots(place: Place, tags: Record<string, string>) {
  const Filters = Object.entries(tags).map(([tag, value]) => ({
    Name: `tag:${tag}`,
    Values: [value],
  }))
  const pages = paginateDescribeSnapshots(
    { client: new EC2Client(place) },
    { OwnerIds: ['self'], Filters },
  )
  return (await call(collect(pages))).flatMap(({ Snapshots = [] }) => Snapshots)
}

/** Those of the volumes that still exist. */
async function existing(place: Place, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const pages = paginateDescribeVolumes(
    { client: new EC2Client(place) },
    { Filters: [{ Name: 'volume-id', Values: [...new Set(ids)] }] },
  )
  const volumes = (await call(collect(pages))).flatMap(({ Volumes = [] }) => Volumes)
  return new Set(volumes.map(volumeOf))
}

function toSnapshot(snapshot: SnapshotOnAws, volumes: Set<string>): Snapshot {
  const daily = volumes.has(volumeOf(snapshot)) ? 'daily' : 'leftover'
  return {
    id: snapshot.SnapshotId ?? '',
    startedAt: snapshot.StartTime?.toISOString() ?? '',
    state: snapshot.State ?? '',
    volumeGiB: snapshot.VolumeSize ?? 0,
    bytes: snapshot.FullSnapshotSizeInBytes ?? 0,
    kind: isDaily(snapshot) ? daily : 'final',
  }
}

function isDaily({ Tags = [] }: SnapshotOnAws): boolean {
  return Tags.some(({ Key }) => Key === 'aws:dlm:lifecycle-policy-id')
}

function volumeOf({ VolumeId = '' }: { VolumeId?: string | undefined }): string {
  return VolumeId
}
