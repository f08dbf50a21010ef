import assert from 'node:assert/strict'
import { otherRuntime } from '../archives.ts'
import { deploy, underLoad } from '../steps.ts'
import type { Story } from '../story.ts'

const version = '/opt/onebox/current/runtime/bin/node --version'

/** Another Node means a restart of pm2, also without a failed request. */
export async function newRuntime(story: Story) {
  const { wanted, architecture, dir } = story
  const runtime = await otherRuntime(wanted.runtime, `linux-${architecture}`, dir)
  const before = await story.machine.ssh(version)
  await underLoad(story, async () => {
    const seconds = await deploy(story, { runtime })
    const after = await story.machine.ssh(version)
    assert.notEqual(after, before)
    story.print(`Node ${after} instead of ${before}, ${seconds} s after it was published`)
  })
}
