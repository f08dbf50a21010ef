import { escapeHtml } from '../http/html.ts'
import { codeBlock, inline, prose, type Row, table } from './docs-text.ts'
import {
  bodiesOf,
  type Content,
  type Entry,
  encode,
  examplesOf,
  type MediaType,
  type Operation,
  type Parameter,
  type ResponseObject,
  type Schema,
} from './openapi.ts'

/** Documents one method of a path. */
export function operationArticle({ method, path, operation }: Entry): string {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  return `<article aria-labelledby="${operationId}">
<h3 id="${operationId}"><span class="method ${method.toLowerCase()}">${method}</span> <code>${escapeHtml(path)}</code> <span class="summary">${inline(summary)}</span></h3>
${lines([
  description && prose(description),
  commands(operation),
  parameters.length > 0 && table('Parameters', 'names', parameters.map(parameterRow)),
  requestBody && bodies(bodiesOf(requestBody)),
  responseTables(responses),
])}
</article>
`
}

function lines(parts: (string | false | undefined)[]): string {
  return parts.filter(Boolean).join('\n')
}

function commands({ 'x-codeSamples': samples }: Operation): string {
  return samples
    .map(({ label, source }) => (label ? `<h4>${label}</h4>\n` : '') + codeBlock(source, 'command'))
    .join('\n')
}

function parameterRow(parameter: Parameter): Row {
  const { name, in: place, required, description, schema, example } = parameter
  const kind = `${place}${required ? ', required' : ''}`
  const text = lines([
    description && inline(description),
    `<small>${kindOf(schema)}, such as <code>${escapeHtml(String(example))}</code></small>`,
  ])
  return [`<code>${escapeHtml(name)}</code> <small>${kind}</small>`, text]
}

function bodies(content: Content): string {
  return Object.entries(content)
    .map(
      ([type, body]) =>
        `<h4>Body: <code>${type}</code></h4>\n${lines([fields(body), ...samplesOf(type, body)])}`,
    )
    .join('\n')
}

function fields({ schema }: MediaType): string {
  const rows = Object.entries(schema.properties ?? {}).map(
    ([name, field]): Row => [
      `<code>${name}</code>`,
      lines([field.description && inline(field.description), `<small>${kindOf(field)}</small>`]),
    ],
  )
  return rows.length > 0 ? table('Fields', 'names', rows) : ''
}

function samplesOf(type: string, media: MediaType): string[] {
  return examplesOf(media).map(({ summary, value }) => {
    const isJson = type.endsWith('json') && typeof value !== 'string'
    const sample = codeBlock(isJson ? indented(value) : encode(type, value))
    return summary ? `<p>${inline(summary)}:</p>\n${sample}` : sample
  })
}

/** JSON on one line if it fits, otherwise on several. */
function indented(value: unknown): string {
  const text = JSON.stringify(value, null, 2)
  const line = text.replace(/\n */g, ' ')
  return line.length <= 60 ? line : text
}

/** Successful responses in full; errors folded away, as they are the same everywhere. */
function responseTables(responses: Record<string, ResponseObject>): string {
  const entries = Object.entries(responses).filter(([status]) => status !== 'default')
  const errors = entries.filter(([status]) => status >= '400')
  const fine = entries.filter(([status]) => status < '400')
  return lines([
    table('Responses', 'statuses', fine.map(responseRow)),
    errors.length > 0 &&
      `<details>
<summary>Errors: ${errors.map(([status]) => status).join(', ')}</summary>
${table('', 'statuses', errors.map(responseRow))}
</details>`,
  ])
}

function responseRow([status, response]: [string, ResponseObject]): Row {
  const { description, headers = {}, content = {} } = response
  const names = Object.keys(headers).filter((name) => name !== 'X-Request-Id')
  const withNames = `with ${names.map((name) => `<code>${name}</code>`).join(', ')}`
  const media = Object.entries(content).flatMap(([type, one]) => [
    type !== 'application/problem+json' && `<small><code>${type}</code></small>`,
    ...samplesOf(type, one),
  ])
  return [
    status,
    lines([inline(description), names.length > 0 && `<small>${withNames}</small>`, ...media]),
  ]
}

/** The type of a value in words, such as `integer from 1 to 9999`. */
function kindOf({ type = 'string', format, default: byDefault, ...schema }: Schema): string {
  const { minimum, maximum, minLength, maxLength } = schema
  return [
    format ?? type,
    minimum !== undefined && `from ${minimum} to ${maximum}`,
    maxLength !== undefined && `of ${minLength} to ${maxLength} characters`,
    byDefault !== undefined && `(${byDefault} by default)`,
  ]
    .filter(Boolean)
    .join(' ')
}
