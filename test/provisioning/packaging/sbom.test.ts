import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import test from 'node:test'
import { sbom } from '../../../provisioning/packaging/sbom.ts'

const integrity = `sha512-${hash('sha512', 'package', 'base64')}`
const subject = { name: 'thing', version: '1.0.0' }

test('an SBOM is CycloneDX 1.6, without a time or a serial number', () => {
  const text = sbom(subject, {})
  assert.deepEqual(JSON.parse(text), {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': 'thing', ...subject } },
    components: [],
  })
})

test('an SBOM has the name, version, URL, hash and license of each package', () => {
  const folder = 'node_modules/a/node_modules/@scope/b'
  const text = sbom(subject, { [folder]: { version: '2.0.1', integrity, license: 'MIT' } })
  assert.deepEqual(JSON.parse(text).components, [
    {
      type: 'library',
      'bom-ref': folder,
      name: '@scope/b',
      version: '2.0.1',
      purl: 'pkg:npm/%40scope/b@2.0.1',
      hashes: [{ alg: 'SHA-512', content: hash('sha512', 'package') }],
      licenses: [{ license: { id: 'MIT' } }],
    },
  ])
})

test('an SBOM gives a license as an id only if SPDX has it', () => {
  const licenses = ['Apache-2', undefined, [{ type: 'Public Domain' }, { type: 'MIT' }]]
  const packages = licenses.map((license, index) => {
    return [`node_modules/${index}`, { version: '1.0.0', integrity, license }] as const
  })
  const { components } = JSON.parse(sbom(subject, Object.fromEntries(packages)))
  assert.deepEqual(
    components.map((component: { licenses: unknown }) => component.licenses),
    [
      [{ license: { name: 'Apache-2' } }],
      [],
      [{ license: { name: 'Public Domain' } }, { license: { id: 'MIT' } }],
    ],
  )
})
