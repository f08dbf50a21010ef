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

/** A whole document around a body, with one style, inline, and at most one script. */
export interface Document {
  title: string
  style: string
  /** The path of its script; '' for none. A script of its own keeps the page itself small. */
  script: string
}

/** Everything of the document before and after its body, made once. */
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

/** The headers of such a document; the policy lets in its style by its hash, and our scripts. */
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
