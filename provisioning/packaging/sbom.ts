import type { LockedPackage, LockedPackages } from './project.ts'

// The ids of https://spdx.org/licenses that our packages use; anything else is free text.
const licenseIds = new Set([
  '0BSD',
  'AGPL-3.0',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'Python-2.0',
])

/** The contents of an archive, for vulnerability scanners: CycloneDX 1.6 as JSON. */
export function sbom(subject: { name: string; version: string }, packages: LockedPackages): string {
  const components = Object.entries(packages).map(([folder, locked]) => component(folder, locked))
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': subject.name, ...subject } },
    components,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function component(folder: string, { version, integrity, license = [] }: LockedPackage) {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
  return {
    type: 'library',
    // A package may be installed twice, and references must be unique.
    'bom-ref': folder,
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    hashes: integrity.split(' ').map(digest),
    licenses: [license].flat().map(licenseOf),
  }
}

function digest(integrity: string) {
  const [algorithm, base64] = integrity.split(/-(.*)/s) as [string, string]
  const alg = algorithm.replace('sha', 'SHA-')
  return { alg, content: Buffer.from(base64, 'base64').toString('hex') }
}

function licenseOf(license: string | { type: string }) {
  const name = typeof license === 'string' ? license : license.type
  return { license: licenseIds.has(name) ? { id: name } : { name } }
}
