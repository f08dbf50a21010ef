import { fixed, headersOf } from '../http/reply.ts'

/** What search engines have no use for: personal data, forms, endless searches, streams, the operator's pages. */
const disallowed = [
  ...['/hello/', '/birthdays', '/edit', '/movies/edit', '/movies/delete', '/movies?search='],
  ...['/events', '/echo', '/healthz', '/metrics', '/status'],
]

const lines = ['User-agent: *', ...disallowed.map((path) => `Disallow: ${path}`)]

export const robots = fixed(
  `${lines.join('\n')}\n`,
  headersOf('text/plain; charset=utf-8', 'no-cache'),
)
