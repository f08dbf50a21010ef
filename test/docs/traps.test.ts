import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'

const root = resolve(import.meta.dirname, '../..')
const trapsOf = (page: string) => [
  ...readFileSync(join(root, page), 'utf8').matchAll(
    /^\| (.+) \| `([\w-]+\.test\.ts)`: (.+) \|$/gm,
  ),
]
const traps = {
  'docs/https.md': trapsOf('docs/https.md'),
  'docs/dynamodb.md': trapsOf('docs/dynamodb.md'),
  'docs/moving.md': trapsOf('docs/moving.md'),
}

for (const [, trap, file = '', titles = ''] of Object.values(traps).flat()) {
  test(`the test named for "${trap}" is in ${file}`, () => {
    const paths = globSync(`test/**/${file}`, { cwd: root })
    const found = paths.flatMap((path) => titlesIn(readFileSync(join(root, path), 'utf8')))
    for (const title of titles.split('; ')) {
      assert.ok(
        found.some((one) => isSame(one, title)),
        title,
      )
    }
  })
}

test('the pages list their traps', () => {
  for (const [page, found] of Object.entries(traps)) {
    assert.ok(found.length >= (page === 'docs/moving.md' ? 9 : 18), page)
  }
})

function titlesIn(code: string): string[] {
  return [...code.matchAll(/\btest\(\s*(['`])(.*?)\1/g)].map(([, , title = '']) => title)
}

/** The docs may end early or leave words out (…), and the code may insert some. */
function isSame(title: string, named: string): boolean {
  return pattern(named, /…/).test(title) || pattern(title, /\$\{[^}]*\}/).test(named)
}

function pattern(text: string, gap: RegExp): RegExp {
  return new RegExp(`^${text.split(gap).map(literal).join('.*')}`)
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
