import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { createDataDisk } from '../boot/data-disk.ts'
import { makeDataDir } from '../support/server.ts'
import { needs } from '../support/tools.ts'

test('a power cut leaves on the data disk what was flushed, and nothing that came later', {
  skip: needs('qemu-io'),
}, () => {
  const dir = makeDataDir()
  const disk = createDataDisk({ dir, volumeId: 'vol-1', sizeBytes: 2 ** 20 })
  runAndCut(dir, ['write -P 1 0 512', 'flush', 'write -P 2 0 512', 'write -P 3 512 512'])
  assert.equal(disk.settle(), 2)
  assert.deepEqual([...readFileSync(disk.file).subarray(0, 1024)], [...fill(1), ...fill(0)])
  runAndCut(dir, ['write -P 4 512 512', 'flush'])
  assert.equal(disk.settle(), 0)
  assert.deepEqual([...readFileSync(disk.file).subarray(0, 1024)], [...fill(1), ...fill(4)])
})

/** What a guest does with its disk, up to where the power goes off. */
function runAndCut(dir: string, commands: string[]) {
  const [copy, log] = [join(dir, 'data.qcow2'), join(dir, 'data.log')]
  const disk = [
    ...['driver=blklogwrites', 'file.driver=qcow2', 'file.file.driver=file'],
    ...[`file.file.filename=${copy}`, 'log.driver=file', `log.filename=${log}`],
  ].join(',')
  const steps = [...commands, 'sigraise 9'].flatMap((command) => ['-c', command])
  const { signal } = spawnSync('qemu-io', ['-t', 'writeback', '--image-opts', disk, ...steps])
  assert.equal(signal, 'SIGKILL')
}

function fill(value: number): number[] {
  return Array(512).fill(value)
}
