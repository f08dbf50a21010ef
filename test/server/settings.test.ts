import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import test from 'node:test'
import { desired } from '../../provisioning/packaging/desired.ts'
import { settings } from '../../server/settings.ts'

const root = resolve(import.meta.dirname, '../..')
// What depends on the machine or the release; README.md says on what.
const computed = ['WEB_CONCURRENCY', 'RELEASE_ID']

test('README.md lists every setting with its default, and no other', () => {
  const documented = new Map(readRows())
  assert.deepEqual([...documented.keys()].sort(), Object.keys(settings).sort())
  for (const [name, { byDefault }] of Object.entries(settings)) {
    if (computed.includes(name)) continue
    const text = documented.get(name) ?? ''
    assert.equal(text.split(' ')[0], byDefault || 'none', `${name}: ${text}`)
  }
})

test('an instance can be given settings of the server only', () => {
  const { environment } = JSON.parse(desired({ runtime: 'a', release: 'b', environment: safe }))
  for (const name of Object.keys(environment)) assert.ok(Object.hasOwn(settings, name), name)
})

const safe = { OPEN_WRITES: 'true' }

/** Each variable in the README's table, with the text of its default. */
function readRows(): [name: string, byDefault: string][] {
  const readme = readFileSync(resolve(root, 'README.md'), 'utf8')
  const [, table = ''] =
    /^\| variable \| default \| meaning \|\n\|[-|]+\n(.*?)\n\n/ms.exec(readme) ?? []
  return table.split('\n').flatMap((row) => {
    const [, names = '', defaults = ''] = row.split('|').map((cell) => cell.trim())
    const all = [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name as string)
    const parts = defaults.replaceAll('`', '').split(', ')
    return all.map((name, index): [string, string] => [name, parts[index] ?? parts[0] ?? ''])
  })
}
