import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { renderDocument } from '../../scripts/pdf/document.ts'
import { inherited } from '../support/inherited.ts'
import { makeDataDir } from '../support/server.ts'
import { needs } from '../support/tools.ts'

const script = resolve(import.meta.dirname, '../../scripts/main.ts')

test('links lead within the document or to the web, and links to other files become text', () => {
  const page = renderDocument(
    '# On *paper*\n\n[there](#on-paper) [web](https://a.example) [file](b.md) ![c](d.svg)',
    'file:///docs/a.md',
  )
  assert.match(page, /<title>On \*paper\*<\/title>/)
  assert.match(page, /<h1 id="on-paper">On <em>paper<\/em><\/h1>/)
  assert.match(page, /<a href="#on-paper">there<\/a> <a href="https:\/\/a\.example">web<\/a> file /)
  assert.match(page, /<img src="file:\/\/\/docs\/d\.svg" alt="c">/)
})

test('npx onebox pdf prints the solution on a few pages', {
  skip: needs('chromium'),
}, () => {
  const file = join(makeDataDir(), 'solution.pdf')
  execFileSync(process.execPath, [script, 'pdf', '--out', file])
  const pdf = readFileSync(file, 'latin1')
  assert.match(pdf, /^%PDF-/)
  const pages = Number(/\/Type \/Pages\s+\/Count (\d+)/.exec(pdf)?.[1])
  assert.ok(pages >= 4 && pages <= 7, `${pages} pages`)
})

test('npx onebox pdf without a browser names the cure in one line', () => {
  const { status, stderr } = spawnSync(process.execPath, [script, 'pdf'], {
    env: { ...inherited, PATH: makeDataDir() },
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.match(stderr, /^Neither Chromium nor Chrome is installed: apt install chromium\n$/)
})
