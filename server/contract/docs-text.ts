import { escapeHtml } from '../http/html.ts'

/** The id of a section, such as `saved-string`. */
export function idOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-')
}

/** Renders the Markdown that our descriptions use: paragraphs, lists, code and bold. */
export function prose(text: string): string {
  return text
    .split('\n\n')
    .map((block) => (block.startsWith('- ') ? list(block) : `<p>${inline(block)}</p>`))
    .join('\n')
}

function list(block: string): string {
  const items = block.slice(2).split('\n- ')
  return `<ul class="notes">\n${items.map((item) => `<li>${inline(item)}</li>`).join('\n')}\n</ul>`
}

/** Renders Markdown within a line. */
export function inline(text: string): string {
  return escapeHtml(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
}

/** Preformatted text; `kind` is its class. */
export function codeBlock(text: string, kind = ''): string {
  return `<pre${kind && ` class="${kind}"`}><code>${escapeHtml(text.trimEnd())}</code></pre>`
}

/** A name and its description. */
export type Row = [name: string, text: string]

/** `kind` is the class of the table; the caption may be empty below a heading. */
export function table(caption: string, kind: string, rows: Row[]): string {
  const lines = rows.map(([name, text]) => `<tr><th scope="row">${name}</th><td>${text}</td></tr>`)
  const head = caption && `<caption>${caption}</caption>\n`
  return `<table class="${kind}">\n${head}${lines.join('\n')}\n</table>`
}
