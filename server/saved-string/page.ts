import { hash } from 'node:crypto'
import { escapeHtml } from '../http/html.ts'
import { type Reply, script } from '../http/reply.ts'
import { createFrame } from '../pages/frame.ts'
import { followString } from './page-script.ts'
import { style } from './page-style.ts'
import type { SavedString } from './store.ts'

export const pageScript = script(`(${followString})()`)

/** Makes the function that renders the page around a string. */
export function createPage({ needsToken }: { needsToken: boolean }) {
  const { before, after, headers } = createFrame({
    title: 'The saved string',
    style,
    script: '/saved-string.js',
    path: '/',
  })
  const below = form(needsToken)
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

/** Longer strings are shown in a smaller font; page-script.ts has the same limit. */
function isLong(value: string): boolean {
  return value.length > 140
}

function form(needsToken: boolean): string {
  const token = `<label>Token <input name="token" type="password" autocomplete="off" required></label>\n`
  return `<p id="connection" role="status"></p>
<form hidden>
<label>New string <textarea name="string" rows="2" dir="auto" autocomplete="off"></textarea></label>
${needsToken ? token : ''}<p class="buttons"><button>Save</button> <button type="button" name="undo" hidden>Undo</button></p>
<output></output>
</form>
<noscript><p>Change it with <code>curl -X PUT -d 'hello' ${needsToken ? '-H "Authorization: Bearer $TOKEN" ' : ''}URL</code>, where URL is the address of this page, and reload to see it.</p></noscript>
</main>
`
}
