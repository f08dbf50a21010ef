import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Release } from '../../../provisioning/packaging/release.ts'
import { nextRelease } from '../archives.ts'
import { publish, underLoad, untilLive } from '../steps.ts'
import type { Story } from '../story.ts'
import { watch } from '../watch.ts'

const deploys = 20
const gapMs = 10_000

/**
 * Twenty deploys, each published 10 s after the one before, which may not be live yet: the instance
 * takes the latest each time, rejects none, and no write is lost.
 */
export async function twentyDeploys(story: Story) {
  const first = story.wanted.release
  const releases: Release[] = []
  for (let index = 1; index <= deploys; index += 1)
    releases.push(await nextRelease(first, `deploy ${index}`))
  const watching = watch(story.machine.url)
  await underLoad(
    story,
    async () => {
      let id = ''
      for (const release of releases) {
        id = publish(story, { release })
        await sleep(gapMs)
      }
      await untilLive(story, id)
    },
    { writeShare: 1 },
  )
  await watching.stop()
  const served = releases.filter(({ id }) => watching.releases.has(id)).length
  assert.deepEqual([...watching.rejections], [])
  story.print(`${deploys} deploys, ${served} of them served on the way to the last`)
}
