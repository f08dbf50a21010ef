import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import test from 'node:test'
import { send } from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

const hostile = '<script>alert(1)</script><img src=x onerror=alert(1)>'

const pages: [path: string, scripts: string[]][] = [
  ['/', ['<script src="/saved-string.js" defer>']],
  ['/status', ['<script src="/status.js" defer>']],
  ['/docs', []],
  ['/edit', []],
  ['/birthdays', []],
  ['/movies', []],
  ['/movies/edit', []],
  ['/movies?year=1933&title=M', []],
  [`/${hostile}`, []],
]

for (const [path, scripts] of pages) {
  test(`${path} loads only its own style and script, and cannot be framed`, async (t) => {
    const url = await startServer(t)
    await send('PUT', url, hostile)
    await send('POST', `${url}/movies?year=1933&title=M&plot=${encodeURIComponent(hostile)}`)
    const response = await fetch(url + path, { headers: { accept: 'text/html' } })
    const page = await response.text()
    const policy = response.headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; .*connect-src 'self'.*frame-ancestors 'none'$/)
    assert.doesNotMatch(policy, /unsafe|\*|https?:/)
    const styles = [...page.matchAll(/<style>(.*?)<\/style>/gs)].map(([, style = '']) => style)
    assert.deepEqual(
      styles.map((style) =>
        policy.includes(`; style-src 'sha256-${hash('sha256', style, 'base64')}'; `),
      ),
      [true],
    )
    assert.deepEqual(page.match(/<script.*?>/g) ?? [], scripts)
    assert.equal(policy.includes("script-src 'self'"), scripts.length > 0)
    assert.doesNotMatch(
      page,
      /<img(?! src="\/movies\/)|<iframe|(src|href)="(https?:)?\/\/| style=| on\w+="/,
    )
    assert.doesNotMatch(page, /@import|url\(|javascript:|localStorage|cookie/)
  })

  test(`${path} has a language, a title, a viewport and one heading`, async (t) => {
    const response = await fetch((await startServer(t)) + path, {
      headers: { accept: 'text/html' },
    })
    const page = await response.text()
    assert.match(page, /<html lang="en">/)
    assert.match(page, /<title>[^<]+<\/title>/)
    assert.match(page, /<meta name="viewport" content="width=device-width, initial-scale=1">/)
    assert.equal(page.match(/<h1/g)?.length, 1)
  })
}
