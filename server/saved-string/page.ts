import { hash } from 'node:crypto'
import type { Fields } from '../http/form.ts'
import { escapeHtml, html } from '../http/html.ts'
import type { HttpError } from '../http/http-error.ts'
import { type Reply, script } from '../http/reply.ts'
import { hidden, input, problemNote, tokenInput } from '../pages/form.ts'
import { createFrame } from '../pages/frame.ts'
import { createPage } from '../pages/page.ts'
import { serviceStyle } from '../pages/style.ts'
import { followString } from './page-script.ts'
import { style } from './page-style.ts'
import { type SavedString, savedAt } from './store.ts'

export const pageScript = script(`(${followString})()`)

const timeFormat = new Intl.DateTimeFormat('en', {
  dateStyle: 'long',
  timeStyle: 'short',
  timeZone: 'UTC',
})

/** Makes the function that renders the page around a string. */
export function createStringPage(needsToken: boolean) {
  const { before, after, headers } = createFrame({
    title: 'The saved string',
    style,
    script: '/saved-string.js',
    path: '/',
    forms: true,
  })
  const below = html`<p id="connection" role="status"></p>
<form method="post" action="/edit">
<label>New string <textarea name="string" rows="2" dir="auto" autocomplete="off"></textarea></label>
${tokenInput(needsToken)}<p class="buttons"><button>Save</button> <button type="button" name="undo" hidden>Undo</button> <a href="/edit">Edit the present string</a></p>
<output></output>
</form>
</main>
`.markup
  const template = hash('sha256', before + below + after, 'hex').slice(0, 8)

  function etag(version: string): string {
    return `${version}-${template}`
  }

  function page(string: SavedString): Reply {
    const { value, version } = string
    const heading = `<main${isLong(value) ? ' class="long"' : ''}>\n<h1>The saved string is ${escapeHtml(value)}</h1>\n`
    return {
      status: 200,
      headers,
      etag: etag(version),
      body: before + heading + timeOf(string) + below + after,
    }
  }

  return Object.assign(page, { etag })
}

/** Longer strings are shown in a smaller font; page-script.ts has the same limit. */
function isLong(value: string): boolean {
  return value.length > 140
}

/** When it was saved; the script gives it in the time zone of the reader. */
function timeOf(string: SavedString): string {
  const at = savedAt(string)
  const time = at && `${timeFormat.format(at)} UTC`
  const isHidden = at === undefined ? ' hidden' : ''
  return `<p id="saved"${isHidden}>Saved on <time datetime="${at?.toISOString() ?? ''}">${time ?? ''}</time></p>\n`
}

/** Makes the function that renders the form to edit the string, again after an error. */
export function createEditPage(needsToken: boolean) {
  const title = 'Edit the saved string'
  const render = createPage({ title, style: serviceStyle, forms: true })
  const field = { name: 'string', label: 'String', lines: 8 }

  return function editPage({ string, version }: Fields, error?: HttpError): Reply {
    return render(html`<h1>${title}</h1>
<form method="post" action="/edit">
${problemNote('Not saved.', error, [field])}${version !== undefined && hidden('version', version)}${input({ ...field, value: string }, error)}${tokenInput(needsToken, error)}<p class="buttons"><button>Save</button> <a href="/">Back</a></p>
</form>
`)
  }
}
