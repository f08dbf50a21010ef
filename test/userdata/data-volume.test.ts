import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { makeDataDir } from '../support/server.ts'
import { needs, toolPath } from '../support/tools.ts'
import { missing, userdata, writeCommand } from './box.ts'

const skip = missing || needs('blkid', 'dumpe2fs', 'mkfs.ext4', 'mkswap', 'resize2fs')

const sizeBytes = 16 * 2 ** 20

test('a blank disk is formatted, entered in fstab and mounted', { skip }, () => {
  const volume = makeVolume()
  const { status, output } = volume.run()
  assert.equal(status, 0, output)
  assert.match(output, /is blank: formatting it/)
  assert.equal(volume.type(), 'ext4')
  assert.match(volume.fstab(), new RegExp(`^UUID=${volume.uuid()} /data ext4 .*nofail.* 0 2\n$`))
  assert.deepEqual(volume.told(), ['systemctl daemon-reload', 'systemctl start data.mount'])
  assert.deepEqual(volume.state(), [])
})

test('at each later boot the disk is mounted as it is', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  const before = [volume.uuid(), volume.fstab()]
  volume.unmount()
  const { status, output } = volume.run()
  assert.equal(status, 0, output)
  assert.deepEqual([volume.uuid(), volume.fstab()], before)
  assert.deepEqual(volume.told(), ['systemctl start data.mount'])
})

test('a disk that fstab has mounted by then is only checked', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  const fstab = volume.fstab()
  volume.forget()
  assert.equal(volume.run().status, 0)
  assert.deepEqual(volume.told(), [])
  assert.equal(volume.fstab(), fstab)
})

test('an ext4 disk of others is mounted as it is, whatever its label', { skip }, () => {
  const volume = makeVolume()
  execFileSync('mkfs.ext4', ['-q', '-F', '-L', 'precious', volume.disk], {
    env: { PATH: toolPath },
  })
  const before = volume.digest()
  assert.equal(volume.run({ grow: false }).status, 0)
  assert.equal(volume.digest(), before)
  assert.match(volume.fstab(), new RegExp(`UUID=${volume.uuid()} `))
})

for (const [what, fill] of Object.entries({
  'bytes that nothing knows': (disk) => write(disk, 700_000, Buffer.from('precious')),
  'a partition table': (disk) => write(disk, 446, partitionTable()),
  'another file system': (disk) => execFileSync('mkswap', [disk], { env: { PATH: toolPath } }),
  'the beginning of an LVM volume': (disk) => write(disk, 512, Buffer.from('LABELONE')),
} as Record<string, (disk: string) => void>)) {
  test(`a disk with ${what} is not touched`, { skip }, () => {
    const volume = makeVolume()
    fill(volume.disk)
    const before = volume.digest()
    const { status, output } = volume.run()
    assert.equal(status, 1)
    assert.match(output, /is neither blank nor ext4, so nothing was done with it: attach another/)
    assert.equal(volume.digest(), before)
    assert.equal(volume.fstab(), '')
    assert.deepEqual(volume.told(), [])
  })
}

test('a formatting that was cut short is begun anew', { skip }, () => {
  const volume = makeVolume()
  volume.break(
    'mkfs.ext4',
    `head -c 9000 /dev/urandom | dd of="${volume.disk}" bs=4096 seek=3 conv=notrunc status=none; exit 1`,
  )
  assert.equal(volume.run().status, 1)
  assert.notEqual(volume.type(), 'ext4')
  volume.mend('mkfs.ext4')
  assert.equal(volume.run().status, 0)
  assert.equal(volume.type(), 'ext4')
  assert.deepEqual(volume.state(), [])
})

test('a power cut just after the formatting costs nothing', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  const uuid = volume.uuid()
  volume.unmount()
  writeFileSync(join(volume.root, 'var/lib/onebox/formatting-vol0123456789abcdef0'), '')
  writeFileSync(join(volume.root, 'etc/fstab'), '')
  assert.equal(volume.run().status, 0)
  assert.equal(volume.uuid(), uuid)
})

test('another disk than the volume is never looked at', { skip }, () => {
  const volume = makeVolume({ serial: 'vol0ffffffffffffffff' })
  const before = volume.digest()
  const { status, output } = volume.run()
  assert.equal(status, 1)
  assert.match(output, /^Waiting for the disk with the serial number vol0123456789abcdef0$/m)
  assert.match(output, /There is no disk with the serial number .*: attach vol-0123456789abcdef0/)
  assert.equal(output.match(/Waiting/g)?.length, 1)
  assert.equal(volume.digest(), before)
})

test('a disk that is attached later is waited for', { skip }, () => {
  const volume = makeVolume({ attachedAfter: 2 })
  const { status, output } = volume.run()
  assert.equal(status, 0, output)
  assert.match(output, /^Waiting/)
})

test('another disk that is mounted at /data is an error', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  volume.break('findmnt', 'echo /dev/other')
  const { status, output } = volume.run()
  assert.equal(status, 1)
  assert.match(output, /Something else than .* is mounted at \/data/)
})

test('the other lines of fstab stay, and that of another volume goes', { skip }, () => {
  const volume = makeVolume()
  const others = 'PARTUUID=1 / ext4 rw 0 1\n/swapfile none swap sw 0 0\n'
  writeFileSync(join(volume.root, 'etc/fstab'), `${others}UUID=2 /data ext4 nofail 0 2\n`)
  assert.equal(volume.run().status, 0)
  assert.ok(volume.fstab().startsWith(`${others}UUID=${volume.uuid()} /data `))
  assert.equal(volume.fstab().trim().split('\n').length, 3)
})

test('the file system grows with the volume', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  const before = volume.blocks()
  volume.enlarge(2 * sizeBytes)
  const { status, output } = volume.run({ argument: 'grow' })
  assert.equal(status, 0, output)
  assert.match(output, /has grown/)
  assert.equal(volume.blocks(), 2 * before)
  const noted = readFileSync(join(volume.root, 'run/onebox-data-volume'), 'utf8')
  assert.equal(noted, `disk ${(2 * sizeBytes) / 512}\n`)
})

/** A disk that is a file, in a root of its own; only lsblk, systemctl and mounting are made up. */
function makeVolume({ serial = 'vol0123456789abcdef0', attachedAfter = 0 } = {}) {
  const root = makeDataDir()
  const disk = join(root, 'disk')
  for (const folder of ['bin', 'etc', 'run', 'data', 'var/lib/onebox', 'sys/class/block/disk']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  for (const file of ['disk', 'etc/fstab', 'told', 'asked']) writeFileSync(join(root, file), '')
  enlarge(sizeBytes)
  writeCommand(root, 'sync', 'exit 0')
  writeCommand(root, 'sleep', 'exit 0')
  writeCommand(root, 'chown', '[[ $* == "--recursive --no-dereference onebox:onebox "*/data ]]')
  writeCommand(
    root,
    'systemctl',
    `echo "systemctl $*" >>${root}/told
    [[ $* != 'start data.mount' ]] || touch ${root}/mounted`,
  )
  writeCommand(root, 'findmnt', `[[ -e ${root}/mounted ]] && echo ${disk}`)
  writeCommand(
    root,
    'lsblk',
    `echo . >>${root}/asked
    (( $(wc -l <${root}/asked) <= ${attachedAfter} )) || echo '${disk} ${serial}'
    echo /dev/nvme0n1 vol0000000000000000a`,
  )

  return {
    root,
    disk,
    enlarge,
    run({ argument = 'mount', grow = true } = {}) {
      if (!grow) writeCommand(root, 'resize2fs', 'exit 0')
      const { status, stdout, stderr } = spawnSync(
        'bash',
        [join(userdata, 'data-volume.sh'), argument],
        {
          encoding: 'utf8',
          env: {
            PATH: `${join(root, 'bin')}:${toolPath}`,
            ONEBOX_ROOT: root,
            VOLUME_ID: 'vol-0123456789abcdef0',
            DISK_ATTEMPTS: '5',
          },
        },
      )
      return { status, output: stderr + stdout }
    },
    break: (name: string, script: string) => writeCommand(root, name, script),
    mend: (name: string) => execFileSync('rm', [join(root, 'bin', name)]),
    unmount() {
      execFileSync('rm', [join(root, 'mounted')])
      this.forget()
    },
    forget: () => writeFileSync(join(root, 'told'), ''),
    told: () => readFileSync(join(root, 'told'), 'utf8').split('\n').filter(Boolean),
    state: () => readdirSync(join(root, 'var/lib/onebox')),
    fstab: () => readFileSync(join(root, 'etc/fstab'), 'utf8'),
    digest: () => hash('sha256', readFileSync(disk)),
    type: () => probe('TYPE'),
    uuid: () => probe('UUID'),
    blocks: () => Number(/Block count: +(\d+)/.exec(call('dumpe2fs', ['-h', disk]))?.[1]),
  }

  function enlarge(bytes: number) {
    truncateSync(disk, bytes)
    writeFileSync(join(root, 'sys/class/block/disk/size'), `${statSync(disk).size / 512}\n`)
  }

  function probe(tag: string): string {
    return call('blkid', ['--probe', '--match-tag', tag, '--output', 'value', disk]).trim()
  }

  function call(command: string, args: string[]): string {
    return spawnSync(command, args, { encoding: 'utf8', env: { PATH: toolPath } }).stdout
  }
}

/** One partition of Linux, as the first sector of a disk holds it from byte 446 on. */
function partitionTable(): Buffer {
  const table = Buffer.alloc(66)
  table[4] = 0x83
  table.writeUInt32LE(2048, 8)
  table.writeUInt32LE(sizeBytes / 512 - 2048, 12)
  table.writeUInt16LE(0xaa55, 64)
  return table
}

function write(disk: string, offset: number, content: Buffer) {
  const bytes = readFileSync(disk)
  content.copy(bytes, offset)
  writeFileSync(disk, bytes)
}
