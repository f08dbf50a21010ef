import assert from 'node:assert/strict'
import test from 'node:test'
import { startServer } from '../../support/server.ts'

test('crawlers may read the page and the contract, but no data', async (t) => {
  const url = await startServer(t)
  const text = await (await fetch(`${url}/robots.txt`)).text()
  const [agent, ...rules] = text.trimEnd().split('\n')
  assert.equal(agent, 'User-agent: *')
  const prefixes = rules.map((rule) => /^Disallow: (\/\S+)$/.exec(rule)?.[1] as string)
  const isOpen = (path: string) => !prefixes.some((prefix) => path.startsWith(prefix))
  const paths = [
    '/',
    '/docs',
    '/openapi.json',
    '/hello/anna',
    '/movies',
    '/movies?limit=9',
    '/status',
  ]
  assert.deepEqual(paths.filter(isOpen), ['/', '/docs', '/openapi.json'])
})
