import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../support/eventually.ts'
import { volumeId } from '../aws.ts'
import { createDataDisk } from '../data-disk.ts'
import { bootLimitMs, type Story } from '../story.ts'
import { expectStored } from './blank-instance.ts'

/** Any instance with the data volume continues where the last one stopped, whatever the device name. */
export async function replacedInstance(story: Story) {
  await story.machine.shutDown()
  story.dataDisk.bus = 'nvme'
  story.machine = await story.aws.launch(story.dataDisk)
  story.machine.powerOn()
  await story.machine.until200(bootLimitMs)
  await expectStored(story.machine.url)
  const seconds = story.machine.seconds().toFixed(1)
  story.print(`a new instance with the old volume has all data ${seconds} s after power-on`)
}

const refusals = 'sudo journalctl --unit onebox-data-volume --grep "neither blank nor ext4"'

/** Data in an unknown format is still somebody's data. */
export async function foreignVolume(story: Story) {
  const { aws, dir, print } = story
  const disk = createDataDisk({ dir: join(dir, 'foreign'), volumeId })
  writeAt(disk.file, 64 * 1024, 'somebody wrote this')
  const before = hashFile(disk.file)

  await story.machine.shutDown()
  const machine = await aws.launch(disk)
  story.machine = machine
  machine.powerOn()
  await eventually(() => succeeds(machine.ssh(refusals)), bootLimitMs)
  await assert.rejects(machine.ssh('mountpoint /data'))
  await assert.rejects(fetch(machine.url, { signal: AbortSignal.timeout(10_000) }))
  await machine.shutDown()
  assert.equal(hashFile(disk.file), before)
  print('a volume with data in an unknown format is not mounted, and stays the same byte for byte')
}

async function succeeds(attempt: Promise<unknown>): Promise<boolean> {
  return attempt.then(
    () => true,
    () => false,
  )
}

function writeAt(file: string, position: number, text: string) {
  const fd = openSync(file, 'r+')
  writeSync(fd, text, position)
  closeSync(fd)
}

function hashFile(file: string): string {
  return execFileSync('sha256sum', [file], { encoding: 'utf8' }).slice(0, 64)
}
