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

/** Markup, as opposed to text that has yet to be escaped. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

type Value = string | number | false | undefined | Html | readonly Html[]

/** A template of markup: text in it is escaped, markup is not, `false` and undefined are nothing. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  let markup = parts[0] as string
  for (let index = 0; index < values.length; index += 1) {
    markup += toMarkup(values[index]) + parts[index + 1]
  }
  return new Html(markup)
}

function toMarkup(value: Value): string {
  if (value instanceof Html) return value.markup
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return String(value)
  return value ? value.map(({ markup }) => markup).join('') : ''
}
