import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import manifest from '../../package.json' with { type: 'json' }
import { type Archive, findArchive, writeArchive } from './archive.ts'
import { dropSymbols } from './elf.ts'
import { closure, type LockedPackages, lockedPackages, root } from './project.ts'
import { sbom } from './sbom.ts'

export type InstancePlatform = 'linux-x64' | 'linux-arm64'

// What only pm2's command loads, which the instance never runs, and its agent for an online service.
// Creating these files took longer than unpacking Node.
const unused = ['@pm2/blessed', '@pm2/js-api', 'pm2-deploy', 'proxy-agent']
// What no program loads. Licences go along.
const unread =
  /(?<!licen[cs]e)\.(md|markdown|map|[cm]?ts|tpl|html|png)$|\/dayjs\/(esm|locale|plugin)\/.*\.js$/i

// It depends on pm2's version.
const reloadScript = join(root, 'server/reload.cjs')

interface RuntimeOptions {
  platform: InstancePlatform
  outDir?: string
  /** Called before each slow step. */
  onStep?: (text: string) => void
}

/**
 * Builds the runtime of a platform, from any machine: Node and pm2 with its dependencies, at the
 * versions of package-lock.json, in a reproducible archive. An existing one is reused.
 */
export async function buildRuntime({
  platform,
  outDir = join(root, 'dist/runtimes'),
  onStep = () => {},
}: RuntimeOptions): Promise<Archive> {
  const packages = lockedPackages([`node_modules/node-${platform}`, ...closure('node_modules/pm2')])
  const inputs = hashInputs(packages)
  const record = join(outDir, `${platform}.json`)
  const built = findBuilt(record, inputs, outDir)
  if (built) return built

  mkdirSync(outDir, { recursive: true })
  const draft = mkdtempSync(join(outDir, '.draft-'))
  try {
    onStep(`Fetching Node and pm2 for ${platform}, which takes about 15 s`)
    await installPackages(packages, platform, draft)
    arrangeFiles(packages, platform, draft)
    onStep(`Packing the runtime for ${platform}, which takes about 5 s`)
    const archive = await writeArchive(draft, outDir)
    writeFileSync(record, `${JSON.stringify({ inputs, id: archive.id })}\n`)
    return archive
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Covers everything that the archive depends on: the packages, this code and the compressor. */
function hashInputs(packages: LockedPackages): string {
  const files = readdirSync(import.meta.dirname).map((name) => join(import.meta.dirname, name))
  const code = [reloadScript, ...files.sort()].map((path) => readFileSync(path, 'utf8'))
  return hash('sha256', JSON.stringify([packages, code, process.versions.zstd]))
}

function findBuilt(record: string, inputs: string, outDir: string): Archive | undefined {
  try {
    const built = JSON.parse(readFileSync(record, 'utf8'))
    return built.inputs === inputs ? findArchive(outDir, built.id) : undefined
  } catch {
    return undefined
  }
}

/** npm installs them, and checks their integrity, for a package that depends on nothing else. */
async function installPackages(packages: LockedPackages, platform: InstancePlatform, cwd: string) {
  const [os, cpu] = platform.split('-')
  const node = `node-${platform}` as const
  const wanted = {
    dependencies: { pm2: manifest.dependencies.pm2 },
    // npm refuses required packages that do not fit this machine.
    optionalDependencies: { [node]: manifest.optionalDependencies[node] },
  }
  const locked = { lockfileVersion: 3, packages: { '': wanted, ...packages } }
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(wanted))
  writeFileSync(join(cwd, 'package-lock.json'), JSON.stringify(locked))
  const target = [`--os=${os}`, `--cpu=${cpu}`, '--libc=glibc', '--include=optional']
  const layout = ['--install-strategy=hoisted', '--no-bin-links', '--ignore-scripts']
  const manners = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  await runNpm(['ci', ...target, ...layout, ...manners], cwd)
  if (!existsSync(join(cwd, 'node_modules', node))) {
    throw new Error(`npm could not fetch ${node}: try again when its registry is reachable`)
  }
}

async function runNpm(args: string[], cwd: string) {
  try {
    await promisify(execFile)('npm', args, { cwd })
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    const reason = stderr || message
    throw new Error(`npm could not fetch the runtime: ${reason}`, { cause: error })
  }
}

/** Turns npm's folder into the one that an instance gets. */
function arrangeFiles(packages: LockedPackages, platform: InstancePlatform, dir: string) {
  const nodePackage = join('node_modules', `node-${platform}`)
  // Packages for other systems are missing.
  const installed = Object.keys(packages).filter((folder) => existsSync(join(dir, folder)))
  const needed = closure('node_modules/pm2', unused).add(nodePackage)
  const node = manifest.optionalDependencies[`node-${platform}`]
  const { pm2 } = manifest.dependencies
  const subject = { name: 'onebox-runtime', version: node }
  writeFileSync(
    join(dir, 'sbom.json'),
    sbom(subject, lockedPackages(installed.filter((folder) => needed.has(folder)))),
  )
  writeFileSync(join(dir, 'runtime.json'), `${JSON.stringify({ node, pm2, platform }, null, 2)}\n`)
  cpSync(reloadScript, join(dir, 'reload.cjs'))
  mkdirSync(join(dir, 'bin'))
  const program = readFileSync(join(dir, nodePackage, 'bin/node'))
  writeFileSync(join(dir, 'bin/node'), dropSymbols(program))
  const superfluous = installed.filter((folder) => !needed.has(folder))
  const leftovers = ['package.json', 'package-lock.json', 'node_modules/.package-lock.json']
  for (const name of [nodePackage, ...superfluous, ...leftovers]) {
    rmSync(join(dir, name), { recursive: true, force: true })
  }
  for (const file of globSync('node_modules/**', { cwd: dir })) {
    if (unread.test(file)) rmSync(join(dir, file))
  }
}
