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
  assert.deepEqual(volume.commands(), ['systemctl daemon-reload', 'systemctl start data.mount'])
  assert.deepEqual(volume.state(), [])
})

test('later boots mount the disk as it is', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  const before = [volume.uuid(), volume.fstab()]
  volume.unmount()
  const { status, output } = volume.run()
  assert.equal(status, 0, output)
  assert.deepEqual([volume.uuid(), volume.fstab()], before)
  assert.deepEqual(volume.commands(), ['systemctl start data.mount'])
})

test('a disk already mounted from fstab is only checked', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  const fstab = volume.fstab()
  volume.forgetCommands()
  assert.equal(volume.run().status, 0)
  assert.deepEqual(volume.commands(), [])
  assert.equal(volume.fstab(), fstab)
})

test('an existing ext4 disk is mounted as it is, whatever its label', { skip }, () => {
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
  'bytes in no known format': (disk) => write(disk, 700_000, Buffer.from('precious')),
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
    assert.match(output, /is neither blank nor ext4, so it was left untouched: attach another/)
    assert.equal(volume.digest(), before)
    assert.equal(volume.fstab(), '')
    assert.deepEqual(volume.commands(), [])
  })
}

test('interrupted formatting starts again', { skip }, () => {
  const volume = makeVolume()
  volume.break(
    'mkfs.ext4',
    `head -c 9000 /dev/urandom | dd of="${volume.disk}" bs=4096 seek=3 conv=notrunc status=none; exit 1`,
  )
  assert.equal(volume.run().status, 1)
  assert.notEqual(volume.type(), 'ext4')
  volume.fix('mkfs.ext4')
  assert.equal(volume.run().status, 0)
  assert.equal(volume.type(), 'ext4')
  assert.deepEqual(volume.state(), [])
})

test('a power cut just after formatting does no harm', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  const uuid = volume.uuid()
  volume.unmount()
  writeFileSync(join(volume.root, 'var/lib/onebox/formatting-vol0123456789abcdef0'), '')
  writeFileSync(join(volume.root, 'etc/fstab'), '')
  assert.equal(volume.run().status, 0)
  assert.equal(volume.uuid(), uuid)
})

test('disks other than the volume are left alone', { skip }, () => {
  const volume = makeVolume({ serial: 'vol0ffffffffffffffff' })
  const before = volume.digest()
  const { status, output } = volume.run()
  assert.equal(status, 1)
  assert.match(output, /^Waiting for the disk with the serial number vol0123456789abcdef0$/m)
  assert.match(
    output,
    /No disk has the serial number vol0123456789abcdef0: attach vol-0123456789abcdef0/,
  )
  assert.equal(output.match(/Waiting/g)?.length, 1)
  assert.equal(volume.digest(), before)
})

test('the volume may be attached later', { skip }, () => {
  const volume = makeVolume({ attachedAfter: 2 })
  const { status, output } = volume.run()
  assert.equal(status, 0, output)
  assert.match(output, /^Waiting/)
})

test('another disk mounted at /data is an error', { skip }, () => {
  const volume = makeVolume()
  volume.run()
  volume.break('findmnt', 'echo /dev/other')
  const { status, output } = volume.run()
  assert.equal(status, 1)
  assert.match(output, /Another disk than .* is mounted at \/data: unmount or detach it/)
})

test('fstab keeps its other lines, but not that of an earlier volume', { skip }, () => {
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

test('the certificate belongs to root alone, and so does the folder above it', { skip }, () => {
  const volume = makeVolume()
  assert.equal(volume.run().status, 0)
  assert.deepEqual(volume.owners(), [
    'chown --recursive --no-dereference onebox:onebox /data',
    'chown --recursive --no-dereference root /data/tls',
    'chown root /data',
  ])
  const modeOf = (path: string) => (statSync(join(volume.root, path)).mode & 0o7777).toString(8)
  assert.equal(modeOf('data'), '1770', 'sticky: the user cannot replace what is root’s')
  assert.equal(modeOf('data/tls'), '2750', 'files in it get the group that may read them')
})

/** A disk in a file, with its own root; only lsblk, systemctl and mounting are simulated. */
function makeVolume({ serial = 'vol0123456789abcdef0', attachedAfter = 0 } = {}) {
  const root = makeDataDir()
  const disk = join(root, 'disk')
  for (const folder of ['bin', 'etc', 'run', 'data', 'var/lib/onebox', 'sys/class/block/disk']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  for (const file of ['disk', 'etc/fstab', 'commands', 'looks']) writeFileSync(join(root, file), '')
  enlarge(sizeBytes)
  writeCommand(root, 'sync', 'exit 0')
  writeCommand(root, 'sleep', 'exit 0')
  writeCommand(root, 'chown', `echo "chown $*" | sed 's#${root}##' >>${root}/owners`)
  writeCommand(
    root,
    'systemctl',
    `echo "systemctl $*" >>${root}/commands
    [[ $* != 'start data.mount' ]] || touch ${root}/mounted`,
  )
  writeCommand(root, 'findmnt', `[[ -e ${root}/mounted ]] && echo ${disk}`)
  writeCommand(
    root,
    'lsblk',
    `echo . >>${root}/looks
    (( $(wc -l <${root}/looks) <= ${attachedAfter} )) || echo '${disk} ${serial}'
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
    fix: (name: string) => execFileSync('rm', [join(root, 'bin', name)]),
    unmount() {
      execFileSync('rm', [join(root, 'mounted')])
      this.forgetCommands()
    },
    forgetCommands: () => writeFileSync(join(root, 'commands'), ''),
    owners: () => readFileSync(join(root, 'owners'), 'utf8').split('\n').filter(Boolean),
    commands: () => readFileSync(join(root, 'commands'), 'utf8').split('\n').filter(Boolean),
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

/** One Linux partition, as in the first sector of a disk from byte 446. */
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
