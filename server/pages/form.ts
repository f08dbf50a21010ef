import { type Html, html } from '../http/html.ts'
import type { HttpError } from '../http/http-error.ts'

export interface Field {
  name: string
  label: string
  value?: string | undefined
  /** Below the label. */
  hint?: string
  /** Further attributes of the input. */
  attributes?: Html
  /** Several lines of text. */
  lines?: number
}

/** A labelled input. The one that an error is about is marked and focused. */
export function input(field: Field, error?: HttpError): Html {
  const { name, label, hint } = field
  const text = html`<span>${label}${hint !== undefined && html` <small>${hint}</small>`}</span>`
  const isAtFault = faultOf(error)?.field === name
  const mark = isAtFault && html` aria-invalid="true" aria-describedby="problem" autofocus`
  return html`<label>${text} ${control(field, mark)}</label>
`
}

function control({ name, value = '', lines, attributes }: Field, mark: Html | false): Html {
  const common = html` name="${name}" dir="auto"${attributes}${mark}`
  // A line end right after the tag does not count.
  if (lines !== undefined)
    return html`<textarea${common} rows="${lines}">
${value}</textarea>`
  return html`<input${common} value="${value}">`
}

/** A value that the form sends along. */
export function hidden(name: string, value: string | number): Html {
  return html`<input type="hidden" name="${name}" value="${value}">
`
}

/** The field for the token, if writes need one. It is never filled in. */
export function tokenInput(needsToken: boolean, error?: HttpError): Html | false {
  const isAtFault = error?.status === 401
  const mark = isAtFault && html` aria-invalid="true" aria-describedby="problem" autofocus`
  return (
    needsToken &&
    html`<label><span>Token</span> <input name="token" type="password" autocomplete="off" required${mark}></label>
`
  )
}

/** Says why a form was refused; `fields` give the names that people know. */
export function problemNote(opening: string, error: HttpError | undefined, fields: Field[]) {
  if (error === undefined) return undefined
  const fault = faultOf(error)
  const label = fields.find(({ name }) => name === fault?.field)?.label
  const detail = fault && label !== undefined ? `${label}: ${fault.detail}` : error.message
  return html`<p class="error" id="problem" role="alert">${opening} ${detail}.</p>
`
}

function faultOf(error: HttpError | undefined) {
  return error?.errors?.[0]
}
