// The snapshots of the data volume: `npm run snapshots`.

import { defaultRegion } from '../stack/aws/account.ts'
import type { Place } from '../stack/aws/ask.ts'
import { deleteSnapshot, listSnapshots, type Snapshot } from '../stack/aws/snapshots.ts'
import { findStack } from '../stack/pulumi.ts'
import { placeOf, project, readSettings } from '../stack/settings.ts'
import { leftoversOf, tellSnapshots } from '../stack/snapshots.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { runCommand } from '../terminal/fail.ts'
import { minute } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'

const help = `npm run snapshots -- [options]

Lists the snapshots of the data volume, the daily ones and those that were left when it was
destroyed, with what they cost and how the data comes back from them.

  --delete ID           deletes one of them for good
  --delete-leftovers    deletes the daily ones of volumes that are gone, but never the newest of all
  --stack NAME          (default dev)
  --region NAME         (default the stack's)
  --json                as JSON
  --yes                 asks nothing
  --help                this text`

await runCommand(main)

async function main() {
  const { values } = parseArguments('snapshots', help, {
    options: {
      delete: { type: 'string' },
      'delete-leftovers': { type: 'boolean', default: false },
      stack: { type: 'string', default: 'dev' },
      region: { type: 'string' },
      json: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
    },
  })
  const { stack, yes } = values
  const place = await findPlace(stack, values.region)
  const snapshots = await listSnapshots(place, { project, stack })
  if (values.json) return console.log(JSON.stringify(snapshots, null, 2))
  if (values['delete-leftovers']) return deleteAll(place, leftoversOf(snapshots), yes)
  if (values.delete === undefined) return tellSnapshots(snapshots, { ...place, stack })

  const doomed = snapshots.find(({ id }) => id === values.delete)
  if (!doomed) throw new Error(`Stack ${stack} has no ${values.delete}: npm run snapshots`)
  await deleteAll(place, [doomed], yes)
}

/** Snapshots outlive their stack, which may be gone from here. */
async function findPlace(name: string, wanted: string | undefined): Promise<Place> {
  const stack = await findStack(name)
  const known = stack ? placeOf(await readSettings(stack)) : { region: '', profile: undefined }
  const region = wanted || known.region || (await defaultRegion(known.profile))
  if (region) return { ...known, region }
  throw new Error(`In which region are the snapshots of stack ${name}? Add --region eu-central-1`)
}

async function deleteAll(place: Place, doomed: Snapshot[], yes: boolean) {
  if (doomed.length === 0) return console.log('There is nothing to delete')
  const list = doomed.map(({ id, startedAt }) => `${id} of ${minute(startedAt)}`).join(', ')
  await assertConfirmed(`Delete ${list} for good?`, { yes })
  for (const { id } of doomed) {
    await deleteSnapshot(place, id)
    step(`Deleted ${id}`)
  }
}
