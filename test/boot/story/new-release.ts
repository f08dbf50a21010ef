import { nextRelease } from '../archives.ts'
import { deploy, underLoad } from '../steps.ts'
import type { Story } from '../story.ts'

/** A deploy under load, without a failed request. */
export async function newRelease(story: Story) {
  const release = await nextRelease(story.wanted.release, 'next')
  await underLoad(story, async () => {
    const seconds = await deploy(story, { release })
    story.print(`the new release was live on every worker ${seconds} s after it was published`)
  })
}
