import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../support/eventually.ts'
import { volumeId } from '../aws.ts'
import { createDataDisk } from '../data-disk.ts'
import { bootLimitMs, type Story } from '../story.ts'
import { expectStored } from './blank-instance.ts'

/** Only the data volume matters: any instance with it goes on, and none ever formats a used one. */
export async function replacedInstance(story: Story) {
  await story.machine.shutDown()
  story.machine = await story.aws.launch(story.dataDisk)
  story.machine.powerOn()
  await story.machine.until200(bootLimitMs)
  await expectStored(story.machine.url)
  const seconds = story.machine.seconds().toFixed(1)
  story.say(`a new instance with the old volume: all there, ${seconds} s after power-on`)
}

const refusals = 'sudo journalctl --unit onebox-data-volume --grep "neither blank nor ext4"'

/** Data whose form no tool knows is still somebody's data. */
export async function foreignVolume({ aws, dir, say }: Story) {
  const ownDir = join(dir, 'foreign')
  mkdirSync(ownDir)
  const disk = createDataDisk({ dir: ownDir, volumeId })
  writeAt(disk.file, 64 * 1024, 'somebody wrote this')
  const before = hashFile(disk.file)

  const machine = await aws.launch(disk)
  machine.powerOn()
  await eventually(() => succeeds(machine.ssh(refusals)), bootLimitMs)
  await assert.rejects(machine.ssh('mountpoint /data'))
  await assert.rejects(fetch(machine.url, { signal: AbortSignal.timeout(10_000) }))
  await machine.shutDown()
  assert.equal(hashFile(disk.file), before)
  say('a volume with data of a form that nobody knows: refused, and untouched byte for byte')
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
