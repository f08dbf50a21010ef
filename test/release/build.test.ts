import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { buildRelease } from '../../provisioning/packaging/release.ts'
import { startWorker, unpack } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

test('a release is reproducible byte for byte for each platform, and named by its SHA-256', async (t) => {
  const umask = process.umask()
  t.after(() => process.umask(umask))
  const ids = new Set()
  for (const platform of ['linux-x64', 'linux-arm64']) {
    process.umask(0o022)
    const { id, path, bytes } = await buildRelease({ platform, outDir: makeDataDir() })
    process.umask(0o077)
    const second = await buildRelease({ platform, outDir: makeDataDir() })
    const content = readFileSync(path)
    assert.equal(hash('sha256', content), id)
    assert.equal(basename(path), `${id}.tar.zst`)
    assert.equal(content.length, bytes)
    assert.ok(content.equals(readFileSync(second.path)))
    ids.add(id)
  }
  assert.equal(ids.size, 2)
})

test('an archive holds the addon of its platform, and no trace of the builder', async () => {
  const { path } = await buildRelease({ platform: 'linux-arm64', outDir: makeDataDir() })
  const dir = unpack(path)
  assert.deepEqual(readdirSync(dir).sort(), [
    'acme.cjs',
    'better_sqlite3.node',
    'dynamodb.cjs',
    'ecosystem.config.cjs',
    'offsite.cjs',
    'release.json',
    'sbom.json',
    'server.cjs',
    'writer-thread.cjs',
  ])
  // Byte 18 of an ELF file is its machine: 0xb7 is AArch64.
  assert.equal(readFileSync(join(dir, 'better_sqlite3.node'))[18], 0xb7)
  assert.ok(!zstdDecompressSync(readFileSync(path)).includes(process.cwd()))
})

test('the SBOM of a release lists exactly what is bundled', async () => {
  const { dir } = await buildRelease({ outDir: makeDataDir() })
  const { metadata, components } = JSON.parse(readFileSync(join(dir, 'sbom.json'), 'utf8'))
  assert.equal(metadata.component.name, 'onebox')
  const folders = components.map((component: { 'bom-ref': string }) => component['bom-ref'])
  assert.ok(folders.includes('node_modules/better-sqlite3'))
  // esbuild writes the path of every module above it.
  const bundled = readFileSync(join(dir, 'server.cjs'), 'utf8').match(/^\/\/ node_modules\/.*$/gm)
  const isListed = (line: string) => folders.some((folder: string) => line.includes(`${folder}/`))
  assert.ok(bundled?.every(isListed), `bundled: ${bundled}`)
  for (const folder of folders)
    assert.ok(
      bundled?.some((line) => line.includes(folder)),
      folder,
    )
})

test('the stores on DynamoDB are in a file that the server loads only for them', async () => {
  const { dir } = await buildRelease({ outDir: makeDataDir() })
  const [server, dynamodb] = ['server.cjs', 'dynamodb.cjs'].map((name) =>
    readFileSync(join(dir, name), 'utf8'),
  )
  assert.match(server ?? '', /import\("\.\/dynamodb\.cjs"\)/)
  assert.doesNotMatch(server ?? '', /TransactWriteItems/)
  assert.match(dynamodb ?? '', /TransactWriteItems/)
  assert.doesNotMatch(dynamodb ?? '', /better.sqlite3/)
})

test('a release runs in an empty folder and reports the id in the name of the folder', async (t) => {
  const { id, path } = await buildRelease({ outDir: makeDataDir() })
  const worker = await startWorker(t, { release: unpack(path, id), dataDir: makeDataDir() })
  const health = (await (await fetch(`${worker.url}/healthz`)).json()) as { release: string }
  assert.equal(health.release, id)
  assert.equal((await fetch(worker.url)).status, 200)
})
