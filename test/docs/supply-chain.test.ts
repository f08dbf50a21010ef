import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { buildRelease } from '../../provisioning/packaging/release.ts'
import { buildRuntime } from '../../provisioning/packaging/runtime.ts'
import { unpack } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const platform = 'linux-arm64'
const page = readFileSync(resolve(import.meta.dirname, '../../docs/supply-chain.md'), 'utf8')

interface Package {
  name: string
  license: string
  kB: number
}

test('the page lists every package that reaches the instance, its licence and its size', async () => {
  const runtime = await buildRuntime({ platform })
  const release = await buildRelease({ platform, outDir: makeDataDir() })
  const shipped = [unpack(runtime.path), release.dir].flatMap(packagesIn)
  const listed = packagesOf(page)
  assert.deepEqual(listed.map(withoutSize).sort(), shipped.map(withoutSize).sort())
  for (const { name, kB } of shipped) {
    const told = listed.find((one) => one.name === name)?.kB ?? 0
    assert.ok(Math.abs(told - kB) <= 1 + kB / 5, `${name} has ${kB} kB, not ${told}`)
  }
})

/** The rows of the table, each of which gives a reason. */
function packagesOf(text: string): Package[] {
  const [, rows = ''] = /<!-- packages -->(.*?)<!-- end -->/s.exec(text) ?? []
  return [...rows.matchAll(/^\| (\S.*?) \| (.+?) \| ([\d,]+) \| .+ \|$/gm)].map(
    ([, name = '', license = '', kB = '']) => ({
      name,
      license,
      kB: Number(kB.replaceAll(',', '')),
    }),
  )
}

interface Component {
  'bom-ref': string
  licenses: { license: { id?: string; name: string } }[]
}

/** What the SBOM of an archive names, with the size that it has there. */
function packagesIn(dir: string): Package[] {
  const { components } = JSON.parse(readFileSync(join(dir, 'sbom.json'), 'utf8'))
  return components.map(({ 'bom-ref': folder, licenses }: Component) => ({
    name: folder.replace('node_modules/', '').replaceAll('/node_modules/', ' › '),
    license: licenses.map(({ license }) => license.id ?? license.name).join(' or ') || 'none named',
    kB: Math.round(bytesOf(dir, folder) / 1000),
  }))
}

// Of these two only a program goes along, in a place of its own.
const programs = new Map([
  [`node_modules/node-${platform}`, 'bin/node'],
  ['node_modules/better-sqlite3', 'better_sqlite3.node'],
])

function bytesOf(dir: string, folder: string): number {
  const program = programs.get(folder)
  const files = program ? [join(dir, program)] : filesOf(join(dir, folder))
  return files.reduce((sum, file) => sum + statSync(file).size, 0)
}

/** Without the packages within. */
function filesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => !file.slice(dir.length).includes('/node_modules/'))
}

function withoutSize({ name, license }: Package): string {
  return `${name}, ${license}`
}
