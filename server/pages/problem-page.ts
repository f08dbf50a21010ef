import { type Document, documentFrame, documentHeaders, escapeHtml } from '../http/html.ts'
import type { HttpError } from '../http/http-error.ts'
import type { Reply } from '../http/reply.ts'
import { footer } from './footer.ts'
import { columnStyle } from './style.ts'

/** An error as a page, for clients that prefer HTML to JSON. */
export function problemPage(error: HttpError): Reply {
  const { status, title, detail } = error.toProblem()
  const document: Document = { title: `${status} ${title}`, style: columnStyle, script: '' }
  const [before, after] = documentFrame(document)
  const main = `<main>
<h1>${document.title}</h1>
<p>${escapeHtml(detail)}</p>
</main>
`
  const headers = [...documentHeaders(document, 'no-store'), 'Vary', 'Accept', ...error.headers]
  return { status, headers, body: before + main + footer() + after }
}
