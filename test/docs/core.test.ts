import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'

const root = resolve(import.meta.dirname, '../..')

test('the core in the README matches the code', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const excerpts = [...readme.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)]
  assert.equal(excerpts.length, 3)
  for (const [, path = '', code = ''] of excerpts) {
    const source = unindented(readFileSync(join(root, path), 'utf8'))
    for (const part of code.split('\n\n')) {
      assert.ok(
        source.includes(`\n${unindented(part.trim())}\n`),
        `${path} has other code:\n${part}`,
      )
    }
  }
})

function unindented(code: string): string {
  return code.replaceAll(/^ +/gm, '')
}
