import { eventually } from '../../support/eventually.ts'
import { defaultSizeBytes } from '../data-disk.ts'
import { underLoad } from '../steps.ts'
import { deployLimitMs, type Story } from '../story.ts'

const sizeMiB = 'df --block-size=1M --output=size /data | tail -n 1'

/** The file system grows while it is in use. */
export async function grownVolume(story: Story) {
  const { machine, print } = story
  const before = Number(await machine.ssh(sizeMiB))
  await underLoad(story, async () => {
    machine.growDataDisk(2 * defaultSizeBytes)
    const startedAt = performance.now()
    let after = before
    await eventually(async () => {
      after = Number(await machine.ssh(sizeMiB))
      return after >= 2 * before
    }, deployLimitMs)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    print(`${seconds} s after the volume grew, /data had ${after} MiB instead of ${before}`)
  })
}
