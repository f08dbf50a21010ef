// The releases that can be gone back to: `npm run releases`.

import { shortId } from '../site/until-live.ts'
import { requireOutputs } from '../stack/outputs.ts'
import { selectStack } from '../stack/pulumi.ts'
import { findReleases, type KnownRelease } from '../stack/releases.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'
import { minute } from '../terminal/format.ts'

const help = `npm run releases -- [options]

Lists the releases in the stack's bucket, newest first, and which of them serves.

  --stack NAME   (default dev)
  --json         as JSON
  --help         this text`

await runCommand(main)

async function main() {
  const { values } = parseArguments('releases', help, {
    options: {
      stack: { type: 'string', default: 'dev' },
      json: { type: 'boolean', default: false },
    },
  })
  const stack = await selectStack(values.stack)
  const releases = await findReleases(stack, await requireOutputs(stack))
  if (values.json) return console.log(JSON.stringify(releases, null, 2))
  for (const release of releases) console.log(lineOf(release))
}

function lineOf({ id, uploadedAt, bytes, ...marks }: KnownRelease): string {
  const megabytes = `${(bytes / 1e6).toFixed(1)} MB`.padStart(8)
  const told = [
    marks.isLive ? 'live' : '',
    marks.isWanted && !marks.isLive ? 'wanted' : '',
    marks.isPinned ? 'held by a rollback' : '',
  ]
  return `${shortId(id)}  ${minute(uploadedAt)}  ${megabytes}  ${told.filter(Boolean).join(', ')}`.trimEnd()
}
