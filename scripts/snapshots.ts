// The snapshots of the data volume: `npm run snapshots`.
import { parseArguments } from './support/arguments.ts'
import { deleteSnapshot, listSnapshots } from './support/aws/snapshots.ts'
import { assertConfirmed } from './support/confirm.ts'
import { runCommand } from './support/fail.ts'
import { selectStack } from './support/pulumi.ts'
import { placeOf, project, readSettings } from './support/settings.ts'
import { tellSnapshots } from './support/snapshots.ts'
import { step } from './support/step.ts'

const help = `npm run snapshots -- [options]

Lists the snapshots of the data volume, the daily ones and those that were left when it was
destroyed, with what they cost and how the data comes back from them.

  --delete ID    deletes one of them for good
  --stack NAME   (default dev)
  --json         as JSON
  --yes          asks nothing
  --help         this text`

await runCommand(main)

async function main() {
  const { values } = parseArguments('snapshots', help, {
    options: {
      delete: { type: 'string' },
      stack: { type: 'string', default: 'dev' },
      json: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
    },
  })
  const stack = await selectStack(values.stack)
  const place = placeOf(await readSettings(stack))
  const snapshots = await listSnapshots(place, { project, stack: stack.name })
  if (values.json) return console.log(JSON.stringify(snapshots, null, 2))
  if (values.delete === undefined) return tellSnapshots(snapshots, { ...place, stack: stack.name })

  const doomed = snapshots.find(({ id }) => id === values.delete)
  if (!doomed) throw new Error(`Stack ${stack.name} has no ${values.delete}: npm run snapshots`)
  await assertConfirmed(`Delete ${doomed.id} of ${doomed.startedAt} for good?`, values)
  await deleteSnapshot(place, doomed.id)
  step(`Deleted ${doomed.id}`)
}
