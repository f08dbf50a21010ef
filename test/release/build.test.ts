import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { extract } from 'tar'
import { build } from '../../scripts/build.ts'
import { startWorker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

test('a release is built byte for byte the same for each platform, and named by its SHA-256', async () => {
  const platforms = ['linux-x64', 'linux-arm64']
  const first = await build({ platforms, outDir: makeDataDir() })
  const second = await build({ platforms, outDir: makeDataDir() })
  for (const [index, { id, archive }] of first.entries()) {
    const content = readFileSync(archive)
    assert.equal(hash('sha256', content), id)
    assert.equal(basename(archive), `${id}.tar.zst`)
    assert.ok(content.equals(readFileSync(second[index]?.archive as string)))
  }
  assert.notEqual(first[0]?.id, first[1]?.id)
})

test('an archive holds the addon of its platform, and no trace of who built it', async () => {
  const [release] = await build({ platforms: ['linux-arm64'], outDir: makeDataDir() })
  const tar = zstdDecompressSync(readFileSync(release?.archive as string))
  const dir = unpack(tar)
  assert.deepEqual(readdirSync(dir).sort(), [
    'better_sqlite3.node',
    'ecosystem.config.cjs',
    'release.json',
    'server.cjs',
  ])
  // Byte 18 of an ELF file is its machine: 0xb7 is AArch64.
  assert.equal(readFileSync(join(dir, 'better_sqlite3.node'))[18], 0xb7)
  assert.ok(!tar.includes(process.cwd()))
})

test('a release runs in an empty folder and reports the id that the folder is named by', async (t) => {
  const [release] = await build({ outDir: makeDataDir() })
  const tar = zstdDecompressSync(readFileSync(release?.archive as string))
  const dir = unpack(tar, release?.id)
  const worker = await startWorker(t, { release: dir, dataDir: makeDataDir() })
  const health = (await (await fetch(`${worker.url}/healthz`)).json()) as { release: string }
  assert.equal(health.release, release?.id)
  assert.equal((await fetch(worker.url)).status, 200)
})

function unpack(tar: Buffer, name = 'release'): string {
  const parent = makeDataDir()
  const dir = join(parent, name)
  mkdirSync(dir)
  writeFileSync(join(parent, 'release.tar'), tar)
  extract({ file: join(parent, 'release.tar'), cwd: dir, sync: true })
  return dir
}
