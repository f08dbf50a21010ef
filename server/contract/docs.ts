import { escapeHtml } from '../http/html.ts'
import { fixed, type Reply } from '../http/reply.ts'
import { createFrame } from '../pages/frame.ts'
import { operationArticle } from './docs-operation.ts'
import { style } from './docs-style.ts'
import { idOf, prose } from './docs-text.ts'
import { dereference, type Entry, entriesOf, type OpenApi } from './openapi.ts'

/** Makes the function that renders the contract as a page, with commands for `origin`. */
export function createDocs(source: unknown): (origin: string) => Reply {
  const openapi = dereference(source)
  const { before, after, headers } = createFrame({
    title: openapi.info.title,
    style,
    path: '/docs',
  })
  const top = `${before}${contents(openapi)}<main>\n${header(openapi)}`
  const sections = openapi.tags.map((tag) => section(openapi, tag)).join('')
  const bottom = `</header>\n${sections}</main>\n${after}`

  return (origin) => fixed(top + preparation(origin) + bottom, headers)
}

function contents(openapi: OpenApi): string {
  const items = openapi.tags.map(({ name }) => {
    const links = tagged(openapi, name).map(
      ({ method, path, operation }) =>
        `<li><a href="#${operation.operationId}"><b>${method}</b> ${escapeHtml(path)}</a></li>`,
    )
    return `<li><a href="#${idOf(name)}">${name}</a>\n<ul>${links.join('\n')}</ul></li>`
  })
  return `<nav class="contents" aria-label="Contents">
<ul>
${items.join('\n')}
</ul>
</nav>
`
}

function header({ info: { title, summary, description } }: OpenApi): string {
  return `<header>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${escapeHtml(summary)} Machine-readable: <a href="/openapi.json">openapi.json</a>.</p>
${prose(description)}
`
}

function preparation(origin: string): string {
  return `<p>Set these in a shell, then paste any command below. Leave the token empty if the server has none:</p>
<pre><code>URL=${escapeHtml(origin)}
TOKEN=
</code></pre>
`
}

function section(openapi: OpenApi, { name, description }: OpenApi['tags'][number]): string {
  const articles = tagged(openapi, name).map(operationArticle)
  return `<section aria-labelledby="${idOf(name)}">
<h2 id="${idOf(name)}">${name}</h2>
${prose(description)}
${articles.join('')}</section>
`
}

function tagged(openapi: OpenApi, tag: string): Entry[] {
  return entriesOf(openapi).filter(({ operation }) => operation.tags.includes(tag))
}
