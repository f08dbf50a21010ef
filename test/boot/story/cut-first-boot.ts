import { join } from 'node:path'
import { eventually } from '../../support/eventually.ts'
import { volumeId } from '../aws.ts'
import { createDataDisk } from '../data-disk.ts'
import { expectSoundBoot } from '../steps.ts'
import { bootLimitMs, type Story } from '../story.ts'

/** An instance recovers from power cuts during its first boot. */
export async function cutFirstBoot(story: Story) {
  const { aws, dir, print } = story
  await story.machine.shutDown()
  const machine = await aws.launch(createDataDisk({ dir: join(dir, 'cut'), volumeId }))
  story.machine = machine
  aws.s3.requests.length = 0
  const moments: [string, () => boolean][] = [
    ['cloud-init wrote its files', () => machine.console().includes("running 'modules:config'")],
    [
      'the first release was fetched',
      () => aws.s3.requests.some((name) => name.includes('/releases/')),
    ],
  ]
  for (const [moment, hasCome] of moments) {
    machine.powerOn()
    await eventually(async () => hasCome(), bootLimitMs)
    await machine.powerCut()
    print(`a power cut while ${moment}, ${machine.seconds().toFixed(1)} s after power-on`)
  }
  machine.powerOn()
  await machine.until200(bootLimitMs)
  print(`the first 200, ${machine.seconds().toFixed(1)} s after power-on`)
  await expectSoundBoot(machine)
}
