import { hash } from 'node:crypto'
import { escapeHtml } from '../http/html.ts'
import { headersOf } from '../http/reply.ts'
import { commonStyle } from './style.ts'

const links = {
  '/': 'Saved string',
  '/birthdays': 'Birthdays',
  '/movies': 'Movies',
  '/docs': 'API',
  '/status': 'Status',
}

export interface Page {
  title: string
  /** Added to the style of all pages. */
  style: string
  /** The path of its script. A separate script keeps the page itself small. */
  script?: string
  /** The page itself among the links. */
  path?: keyof typeof links
  /** Whether it has forms. */
  forms?: boolean
  /** Whether it shows images of this site. */
  images?: boolean
}

interface Frame {
  /** The HTML before and after the content of the page. */
  before: string
  after: string
  /** What comes before a content with a title of its own. */
  beforeWith: (title: string) => string
  headers: string[]
}

/** Everything around the content of a page, so that all pages have one style and navigation. */
export function createFrame(page: Page, caching: 'no-cache' | 'no-store' = 'no-cache'): Frame {
  const { title, style, script, path } = page
  const wholeStyle = commonStyle + style
  const headers = [
    ...headersOf('text/html; charset=utf-8', caching),
    ...['Content-Security-Policy', policy(wholeStyle, page)],
    // With no-referrer, browsers send forms with `Origin: null`.
    ...['Referrer-Policy', 'same-origin'],
  ]
  const after = `${footer(path)}</body>\n</html>\n`
  return { before: beforeWith(title), after, beforeWith, headers }

  function beforeWith(title: string): string {
    const escaped = escapeHtml(title)
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${escaped}">
<link rel="icon" href="data:,">
<title>${escaped}</title>
<style>${wholeStyle}</style>
${script ? `<script src="${script}" defer></script>\n` : ''}</head>
<body>
`
  }
}

/** Allows the page's own style by its hash, and our own scripts, images and forms if it has any. */
function policy(style: string, { script, images, forms }: Page): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${hash('sha256', style, 'base64')}'`,
    ...(script ? ["script-src 'self'"] : []),
    "connect-src 'self'",
    `img-src ${images ? "'self' " : ''}data:`,
    `form-action ${forms ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function footer(current: string | undefined): string {
  const items = Object.entries(links).map(
    ([path, name]) =>
      `<a href="${path}"${path === current ? ' aria-current="page"' : ''}>${name}</a>`,
  )
  return `<footer><nav aria-label="Services">\n${items.join('\n')}\n</nav></footer>\n`
}
