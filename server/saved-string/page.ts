import { hash } from 'node:crypto'
import { type Document, documentFrame, documentHeaders, escapeHtml } from '../http/html.ts'
import type { Reply } from '../http/reply.ts'
import { followString } from './page-script.ts'
import { style } from './page-style.ts'
import type { SavedString } from './store.ts'

/** Makes the function that renders the page around a string. */
export function createPage({ needsToken }: { needsToken: boolean }) {
  const document: Document = { title: 'The saved string', style, script: `(${followString})()` }
  const [before, after] = documentFrame(document)
  const headers = documentHeaders(document)
  const below = form(needsToken) + services
  const template = hash('sha256', before + below + after, 'hex').slice(0, 8)

  function etag(version: string): string {
    return `${version}-${template}`
  }

  function page({ value, version }: SavedString): Reply {
    const heading = `<main${isLong(value) ? ' class="long"' : ''}>\n<h1>The saved string is ${escapeHtml(value)}</h1>\n`
    return {
      status: 200,
      headers,
      etag: etag(version),
      body: before + heading + below + after,
    }
  }

  return Object.assign(page, { etag })
}

/** Longer ones are shown in smaller letters; page-script.ts has the same bound. */
function isLong(value: string): boolean {
  return value.length > 140
}

function form(needsToken: boolean): string {
  const token = `<label>Token <input name="token" type="password" autocomplete="off" required></label>`
  return `<form hidden>
<label>New string <textarea name="string" rows="2" dir="auto" autocomplete="off"></textarea></label>
${needsToken ? token : ''}
<button>Save</button>
<output role="status"></output>
</form>
<noscript><p>Change it with <code>curl -X PUT -d 'hello' ${needsToken ? '-H "Authorization: Bearer $TOKEN" ' : ''}URL</code>; reload to see it.</p></noscript>
</main>
`
}

const services = `<footer><nav aria-label="Services">
<a href="/" aria-current="page">Saved string</a>
<a href="/docs#birthdays">Birthdays</a>
<a href="/movies">Movies</a>
<a href="/docs">API</a>
</nav></footer>
`
