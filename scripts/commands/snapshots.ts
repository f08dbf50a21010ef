import type { Place } from '../stack/aws/call.ts'
import { deleteSnapshot, listSnapshots, type Snapshot } from '../stack/aws/ebs-snapshots.ts'
import { leftoversOf, printSnapshots } from '../stack/data-snapshots.ts'
import { findPlace } from '../stack/place.ts'
import { project } from '../stack/settings.ts'
import { defineCommand } from '../terminal/command.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { minute } from '../terminal/format.ts'
import { json, region, stack, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: '',
  about: `Lists the snapshots of the data volume, daily ones and those left by destroy, with their cost and
how to restore them.`,
  options: {
    delete: { type: 'string', value: 'ID', help: 'delete a snapshot for good' },
    'delete-leftovers': {
      type: 'boolean',
      help: 'delete the daily snapshots of deleted volumes, except the newest snapshot',
    },
    stack,
    region: { ...region, help: "AWS region, if not the stack's" },
    json,
    yes,
  },
  async run({ stack, region, json, yes, delete: id, 'delete-leftovers': leftovers }) {
    const place = await findPlace(stack, region)
    const snapshots = await listSnapshots(place, { project, stack })
    if (json) return console.log(JSON.stringify(snapshots, null, 2))
    if (leftovers) return deleteAll(place, leftoversOf(snapshots), yes)
    if (id === undefined) return printSnapshots(snapshots, { ...place, stack })
    const doomed = snapshots.find((snapshot) => snapshot.id === id)
    if (!doomed) throw new Error(`Stack ${stack} has no ${id}: npx onebox snapshots lists them`)
    await deleteAll(place, [doomed], yes)
  },
})

async function deleteAll(place: Place, doomed: Snapshot[], yes: boolean) {
  if (doomed.length === 0) return console.log('Nothing to delete')
  const list = doomed.map(({ id, startedAt }) => `${id} of ${minute(startedAt)}`).join(', ')
  await assertConfirmed(`Delete ${list} for good?`, { yes })
  for (const { id } of doomed) {
    await deleteSnapshot(place, id)
    step(`Deleted ${id}`)
  }
}
