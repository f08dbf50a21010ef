import { escapeHtml } from '../http/html.ts'
import type { HttpError } from '../http/http-error.ts'
import type { Reply } from '../http/reply.ts'
import { createFrame } from './frame.ts'
import { columnStyle } from './style.ts'

/** An error as a page, for clients that prefer HTML to JSON. */
export function problemPage(error: HttpError): Reply {
  const { status, title, detail } = error.toProblem()
  const heading = `${status} ${title}`
  const frame = createFrame({ title: heading, style: columnStyle }, 'no-store')
  const main = `<main>
<h1>${heading}</h1>
<p>${escapeHtml(detail)}</p>
</main>
`
  const headers = [...frame.headers, 'Vary', 'Accept', ...error.headers]
  return { status, headers, body: frame.before + main + frame.after }
}
