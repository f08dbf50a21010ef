import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
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

test('the tree in the README has the folders of the server, and only existing ones', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, tree = ''] = /^## Find your way\n\n```\n(.*?)^```$/ms.exec(readme) ?? []
  let top = ''
  const folders = [...tree.matchAll(/^( *)([\w-]+)\/(?= |$)/gm)].map(([, indent, name = '']) => {
    if (indent === '') top = name
    return indent === '' ? name : `${top}/${name}`
  })
  for (const folder of folders) assert.ok(existsSync(join(root, folder)), folder)
  const rooms = globSync('server/*/', { cwd: root })
  assert.deepEqual(folders.filter((folder) => folder.startsWith('server/')).sort(), rooms.sort())
})

function unindented(code: string): string {
  return code.replaceAll(/^ +/gm, '')
}
