import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import test from 'node:test'
import { cloudConfig } from '../../userdata/cloud-config.ts'
import { makeDataDir } from '../support/server.ts'
import { needs } from '../support/tools.ts'
import { userdata } from './box.ts'
import { writtenFiles } from './written-files.ts'

const scripts = readdirSync(userdata, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.sh'))
const fleet = { bucket: 'bucket', region: 'eu-west-1' }
const box = { ...fleet, volumeId: 'vol-0123456789abcdef0' }

test('shellcheck finds nothing in the scripts', {
  skip: needs('shellcheck'),
}, () => {
  const cwd = resolve(userdata, '..')
  const ours = scripts.map((name) => join('userdata', name))
  const others = ['.ci/run', 'scripts/node', 'test/fresh/run.sh', 'test/fresh/commands.sh']
  const args = [...ours, ...others]
  const { status, stdout } = spawnSync('shellcheck', args, { cwd, encoding: 'utf8' })
  assert.equal(status, 0, stdout)
})

test('bash can parse the scripts as they are on the instance', {
  skip: needs('bash'),
}, () => {
  for (const { root, path } of [install(), install(fleet)].flatMap(({ root, paths }) =>
    paths.map((path) => ({ root, path })),
  )) {
    if (!readFileSync(join(root, path), 'utf8').startsWith('#!/bin/bash\n')) continue
    const { status, stderr } = spawnSync('bash', ['-n', join(root, path)], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
})

test('systemd accepts every line of the units', {
  skip: needs('systemd-analyze'),
}, () => {
  for (const place of [box, fleet]) {
    const lines = verify(install(place))
    const about = lines.filter((line) => line.includes('onebox') && !isExpected(line))
    assert.deepEqual(about, [])
  }
})

test('the units form no cycle in the boot order of Debian’s image', {
  skip: needs('systemd-analyze'),
}, () => {
  for (const place of [box, fleet]) {
    const installed = install(place)
    for (const [name, lines] of Object.entries(bootUnits)) {
      const unit = ['[Unit]', ...lines, '[Service]', 'ExecStart=/bin/true', ''].join('\n')
      writeFileSync(join(installed.root, 'etc/systemd/system', name), unit)
    }
    const about = verify(installed).filter((line) => line.includes('ordering cycle'))
    assert.deepEqual(about, [])
  }
})

test('onebox logs shows every service', () => {
  const services = readdirSync(userdata).filter((name) => name.endsWith('.service'))
  const script = readFileSync(join(userdata, 'onebox.sh'), 'utf8')
  const [, ends = ''] = /--unit=onebox\{(.*)\}/.exec(script) ?? []
  const shown = new Set(ends.split(',').map((end) => `onebox${end}.service`))
  assert.deepEqual(
    services.filter((service) => !shown.has(service)),
    [],
  )
})

// Debian's SQLite is older than 3.51.3: https://sqlite.org/wal.html#walresetbug
test('only the server opens the database for writing', () => {
  const lines = filesOf(userdata).flatMap((name) => readFileSync(name, 'utf8').split('\n'))
  const openings = lines.filter((line) => /sqlite|onebox\.db/.test(line))
  assert.deepEqual(
    openings.filter((line) => !line.includes("'file:/data/onebox.db?mode=ro'")),
    [],
  )
  assert.equal(openings.length, 1)
})

test('a crash after months without one is followed by a restart as fast as the first', () => {
  const growing = filesOf(userdata).filter((path) => {
    const unit = readFileSync(path, 'utf8')
    return /^RestartSteps=/m.test(unit) && !/^Type=oneshot$/m.test(unit)
  })
  assert.deepEqual(growing, [])
})

test('if memory runs out, a trial is killed first, then a worker, and never SSH', () => {
  const scoreOf = (unit: string) => {
    const text = readFileSync(join(userdata, unit), 'utf8')
    return Number(/^OOMScoreAdjust=(-?\d+)$/m.exec(text)?.[1] ?? 0)
  }
  const [trial, server] = ['onebox-canary.service', 'onebox.service'].map(scoreOf) as [
    number,
    number,
  ]
  assert.ok(trial > server && server > 0, `${trial} ${server}`)
})

test('the server and its trials have low exposure scores', {
  skip: needs('systemd-analyze'),
}, (t) => {
  const { root } = install()
  for (const [unit, limit] of [
    ['onebox.service', 1],
    ['onebox-canary.service', 1],
    ['onebox-converge.service', 2.5],
    ['onebox-certificate.service', 2.5],
    ['onebox-offsite.service', 2.5],
  ] as const) {
    const args = ['security', '--offline=true', `--root=${root}`, '--no-pager', unit]
    const { stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    const [, exposure] = /exposure level for .*: ([\d.]+)/.exec(stdout) ?? []
    t.diagnostic(`${unit} ${exposure}`)
    assert.ok(Number(exposure) <= limit, `${unit}: ${exposure}`)
  }
})

test('a server among several has a network, and low exposure scores otherwise', {
  skip: needs('systemd-analyze'),
}, (t) => {
  const { root } = install(fleet)
  for (const unit of ['onebox.service', 'onebox-canary.service']) {
    const args = ['security', '--offline=true', `--root=${root}`, '--no-pager', unit]
    const { stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    const [, exposure] = /exposure level for .*: ([\d.]+)/.exec(stdout) ?? []
    t.diagnostic(`${unit} ${exposure}`)
    assert.ok(Number(exposure) <= 1.6, `${unit}: ${exposure}`)
    const denied = [...stdout.matchAll(/✗ ((?:PrivateNetwork|SocketBind|IPAddress)\S*)/g)]
    assert.deepEqual(
      denied.map(([, name]) => name),
      ['PrivateNetwork=', 'IPAddressDeny='],
    )
  }
})

const early = 'DefaultDependencies=no'

/** The image's units that decide the order: cloud-init wants the network first. */
const bootUnits = {
  'network-pre.target': [],
  'systemd-networkd.service': [early, 'After=network-pre.target'],
  'cloud-init-network.service': [
    early,
    'Wants=systemd-networkd.service',
    'After=systemd-networkd.service',
    'Before=sysinit.target',
  ],
  'sysinit.target': [early, 'Wants=cloud-init-network.service'],
  'basic.target': ['Requires=sysinit.target', 'After=sysinit.target'],
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
}

/** Writes the units as cloud-init does, in a root of their own. */
function install(place: typeof box | typeof fleet = box) {
  const root = makeDataDir()
  const files = writtenFiles(cloudConfig(place))
  for (const { path, content, permissions } of files) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), content, { mode: Number.parseInt(permissions, 8) })
  }
  const names = readdirSync(join(root, 'etc/systemd/system'))
  const units = names.filter((name) => !name.endsWith('.d'))
  const paths = files.map(({ path }) => path)
  return { root, paths, units }
}

/** What systemd reports about units and everything that they start. */
function verify({ root, units }: ReturnType<typeof install>): string[] {
  const args = ['verify', `--root=${root}`, '--man=no', ...units]
  return spawnSync('systemd-analyze', args, { encoding: 'utf8' }).stderr.split('\n')
}

/** The root contains only our files, and this machine's systemd may be older. */
function isExpected(line: string): boolean {
  const newer = 'PollLimit.*|RestartSteps|RestartMaxDelaySec|RestartMode'
  return new RegExp(
    `is not executable|sysinit.target not found|Unknown key (name )?'(${newer})'`,
  ).test(line)
}
