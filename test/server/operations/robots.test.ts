import assert from 'node:assert/strict'
import test from 'node:test'
import { startServer } from '../../support/server.ts'

test('crawlers may read the pages with the string and the movies, but no personal data and no forms', async (t) => {
  const url = await startServer(t)
  const text = await (await fetch(`${url}/robots.txt`)).text()
  const [agent, ...rules] = text.trimEnd().split('\n')
  assert.equal(agent, 'User-agent: *')
  const prefixes = rules.map((rule) => /^Disallow: (\/\S+)$/.exec(rule)?.[1] as string)
  const isOpen = (path: string) => !prefixes.some((prefix) => path.startsWith(prefix))
  const open = ['/', '/docs', '/openapi.json', '/movies', '/movies/years.svg', '/movies?year=1931']
  const pages = ['/movies?limit=100&cursor=WzE5MzEsIk0iXQ', '/movies?year=1931&title=M']
  const closed = ['/hello/anna', '/birthdays', '/edit', '/movies/edit?year=1931&title=M', '/status']
  const all = [...open, ...pages, ...closed, '/movies?search=m', '/events', '/metrics', '/healthz']
  assert.deepEqual(all.filter(isOpen), [...open, ...pages])
})
