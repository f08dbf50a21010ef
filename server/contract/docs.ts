import { type Document, documentFrame, documentHeaders, escapeHtml } from '../http/html.ts'
import { operationArticle } from './docs-operation.ts'
import { style } from './docs-style.ts'
import { idOf, prose } from './docs-text.ts'
import { dereference, type Entry, entriesOf, type OpenApi } from './openapi.ts'

/** The contract as one page for people. */
export function renderDocs(source: unknown): { body: string; headers: string[] } {
  const openapi = dereference(source)
  const document: Document = { title: openapi.info.title, style, script: '' }
  const [before, after] = documentFrame(document)
  const body = before + contents(openapi) + main(openapi) + after
  return { body, headers: documentHeaders(document) }
}

function contents(openapi: OpenApi): string {
  const items = openapi.tags.map(({ name }) => {
    const links = tagged(openapi, name).map(
      ({ method, path, operation }) =>
        `<li><a href="#${operation.operationId}"><b>${method}</b> ${escapeHtml(path)}</a></li>`,
    )
    return `<li><a href="#${idOf(name)}">${name}</a>\n<ul>${links.join('\n')}</ul></li>`
  })
  return `<nav aria-label="Contents">
<ul>
<li><a href="/">Home</a></li>
${items.join('\n')}
</ul>
</nav>
`
}

function main(openapi: OpenApi): string {
  const { title, summary, description } = openapi.info
  return `<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${escapeHtml(summary)} For programs: <a href="/openapi.json">openapi.json</a>.</p>
${prose(description)}
${preparation}
</header>
${openapi.tags.map((tag) => section(openapi, tag)).join('')}</main>
`
}

const preparation = `<p>Every command below can be pasted into a shell once it knows the server and, where it has one, the token:</p>
<pre><code>URL=http://127.0.0.1:8080
TOKEN=
</code></pre>`

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
