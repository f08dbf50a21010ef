import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Archive, writeArchive } from '../../provisioning/packaging/archive.ts'
import { dropSymbols } from '../../provisioning/packaging/elf.ts'
import { buildRelease, type Release } from '../../provisioning/packaging/release.ts'
import { buildRuntime, type InstancePlatform } from '../../provisioning/packaging/runtime.ts'
import { withMigration } from '../support/release.ts'

// Different from package.json's, and new enough for the server.
const otherNode = '26.9.0'

export async function buildArchives(
  dir: string,
  platform: InstancePlatform,
  print: (text: string) => void,
) {
  const runtime = await buildRuntime({ platform, onStep: print })
  const release = await buildRelease({ platform, outDir: join(dir, 'releases') })
  return { runtime, release }
}

/** A release that behaves like this one but has another id. */
export function nextRelease(release: Release, name: string): Promise<Release> {
  return changeRelease(release, name, (code) => `${code}\n// ${name}\n`)
}

/** A release that runs some code before anything else. */
export function spoilRelease(release: Release, name: string, spoiler: string): Promise<Release> {
  return changeRelease(release, name, (code) => `${spoiler}\n${code}`)
}

/** A release with one more migration. */
export function addMigration(release: Release, name: string, sql: string): Promise<Release> {
  return changeRelease(release, name, (code) => withMigration(code, sql))
}

/** A release whose workers log more at startup than the journal accepts, errors included. */
export async function floodLog(release: Release, name: string) {
  const counts = { lines: 20_000, errors: 100 }
  const flood = `
  setTimeout(async () => {
    for (let index = 1; index <= ${counts.lines}; index += 1) {
      log.info({ message: 'a request' })
      if (index % ${counts.lines / counts.errors} !== 0) continue
      log.error({ message: 'a mistake' })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    log.error({ message: 'last of the flood' })
  }, 1000)`
  const changed = await changeRelease(release, name, (code) => {
    const flooded = code.replace(/\n *log\.info\(\{\s+message: "listening"/, `${flood}$&`)
    assert.notEqual(flooded, code, 'the bundle logs that it listens')
    return flooded
  })
  return { release: changed, ...counts }
}

async function changeRelease(
  { dir }: Release,
  name: string,
  change: (code: string) => string,
): Promise<Release> {
  const copy = join(dir, '..', name)
  rmSync(copy, { recursive: true, force: true })
  cpSync(dir, copy, { recursive: true })
  const file = join(copy, 'server.cjs')
  writeFileSync(file, change(readFileSync(file, 'utf8')))
  return { ...(await writeArchive(copy, join(dir, '..'))), dir: copy }
}

/** An archive with one changed byte, so that it no longer matches its id. */
export function damage<Kind extends Archive>(archive: Kind, dir: string): Kind {
  const content = readFileSync(archive.path)
  content.writeUInt8(content.readUInt8(1000) ^ 1, 1000)
  const path = join(dir, 'damaged.tar.zst')
  writeFileSync(path, content)
  return { ...archive, path }
}

/** The same runtime with another Node, from npm's registry. */
export async function otherRuntime(
  runtime: Archive,
  platform: InstancePlatform,
  dir: string,
): Promise<Archive> {
  const draft = join(dir, 'other-runtime')
  const name = `node-${platform}`
  mkdirSync(draft)
  execFileSync('tar', ['--extract', '--zstd', '--file', runtime.path, '--directory', draft])
  execFileSync('npm', ['pack', '--silent', '--pack-destination', dir, `${name}@${otherNode}`])
  const packed = join(dir, `${name}-${otherNode}.tgz`)
  execFileSync('tar', ['--extract', '--file', packed, '--directory', dir, 'package/bin/node'])
  writeFileSync(join(draft, 'bin/node'), dropSymbols(readFileSync(join(dir, 'package/bin/node'))))
  return writeArchive(draft, dir)
}
