import { hash } from 'node:crypto'

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] as string)
}

/** An HTML document with an inline style and at most one script file. */
export interface Document {
  title: string
  style: string
  /** The path of its script; '' for none. A script of its own keeps the page itself small. */
  script: string
}

/** The document before and after its body. */
export function documentFrame({ title, style, script }: Document): [string, string] {
  const head = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${escapeHtml(title)}">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
${script && `<script src="${script}" defer></script>\n`}</head>
<body>
`
  return [head, '</body>\n</html>\n']
}

/** The headers of the document; the policy allows its style by hash, and our own scripts. */
export function documentHeaders(
  { style, script }: Document,
  caching: 'no-cache' | 'no-store' = 'no-cache',
): string[] {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${hash('sha256', style, 'base64')}'`,
    ...(script ? ["script-src 'self'"] : []),
    "connect-src 'self'",
    'img-src data:',
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]
  return [
    ...['Content-Type', 'text/html; charset=utf-8'],
    ...['Cache-Control', caching],
    ...['Content-Security-Policy', policy.join('; ')],
    ...['Referrer-Policy', 'no-referrer'],
  ]
}
