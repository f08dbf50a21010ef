import { shortId } from '../site/health.ts'
import { findReleases, type KnownRelease } from '../stack/known-releases.ts'
import { requireStack } from '../stack/outputs.ts'
import { defineCommand } from '../terminal/command.ts'
import { minute } from '../terminal/format.ts'
import { json, stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '',
  about: "Lists the releases in the stack's bucket, newest first, and shows which one is live.",
  options: { stack, json },
  async run(options) {
    const { stack, outputs } = await requireStack(options.stack)
    const releases = await findReleases(stack, outputs)
    if (options.json) console.log(JSON.stringify(releases, null, 2))
    else for (const release of releases) console.log(rowText(release))
  },
})

function rowText({ id, uploadedAt, bytes, ...marks }: KnownRelease): string {
  const megabytes = `${(bytes / 1e6).toFixed(1)} MB`.padStart(8)
  const states = [
    marks.isLive ? 'live' : '',
    marks.isWanted && !marks.isLive ? 'wanted' : '',
    marks.isPinned ? 'pinned by a rollback' : '',
  ]
  return `${shortId(id)}  ${minute(uploadedAt)}  ${megabytes}  ${states.filter(Boolean).join(', ')}`.trimEnd()
}
