import assert from 'node:assert/strict'
import { Ajv2020 } from 'ajv/dist/2020.js'
import source from '../../server/contract/openapi.json' with { type: 'json' }
import {
  bodiesOf,
  type Content,
  dereference,
  type Entry,
  encode,
  entriesOf,
  examplesOf,
  type Parameter,
  type Schema,
} from '../../server/contract/openapi.ts'

export const contract = dereference(source)
export const entries = entriesOf(contract)

const ajv = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  formats: {
    date: /^\d{4}-\d{2}-\d{2}$/,
    'date-time': /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/,
  },
})

/** Fails where `value` is not what the schema says, or holds a field the schema does not name. */
export function assertFits(schema: Schema, value: unknown, what: string) {
  const valid = ajv.validate(closed(schema) as object, value)
  assert.ok(valid, `${what}: ${ajv.errorsText()} in ${JSON.stringify(value)?.slice(0, 400)}`)
}

/** The schema without room for unnamed fields; what says nothing of them leaves it to clients. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== 'object' || node === null) return node
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]))
  return 'properties' in copy ? { additionalProperties: false, ...copy } : copy
}

/** One request as the contract's examples make it. */
export interface Call {
  entry: Entry
  parameters: [Parameter, string][]
  body?: { type: string; bytes: string | Uint8Array<ArrayBuffer> }
}

/** Every request that an operation's examples make: each choice of parameters with each body. */
export function callsOf(entry: Entry): Call[] {
  const { parameters = [], requestBody } = entry.operation
  const always = parameters.filter(({ required }) => required)
  const bodies: Call['body'][] = requestBody ? examplesFor(bodiesOf(requestBody)) : []
  if (!requestBody?.required) bodies.push(undefined)
  return subsets(parameters.filter(({ required }) => !required)).flatMap((chosen) =>
    bodies.map((body) => ({ entry, body, parameters: [...always, ...chosen].map(withExample) })),
  )
}

function withExample(parameter: Parameter): [Parameter, string] {
  return [parameter, String(parameter.example)]
}

function examplesFor(content: Content): Call['body'][] {
  return Object.entries(content).flatMap(([type, media]) =>
    examplesOf(media).map(({ value }) => ({ type, bytes: encode(type, value) })),
  )
}

function subsets<Item>(items: Item[]): Item[][] {
  return items.reduce<Item[][]>(
    (sets, item) => sets.concat(sets.map((set) => [...set, item])),
    [[]],
  )
}

/** The same request once for each of its parts, with that part made nonsense. */
export function spoil(call: Call): Call[] {
  const spoilt = call.parameters.map(([spoiltOne]) => ({
    ...call,
    parameters: call.parameters.map(([parameter, value]): [Parameter, string] => [
      parameter,
      parameter === spoiltOne ? '!' : value,
    ]),
  }))
  if (!call.body) return spoilt
  return [...spoilt, { ...call, body: { ...call.body, bytes: Uint8Array.of(0xff, 0xff) } }]
}

export function send(url: string, call: Call, extra: Record<string, string> = {}) {
  const { entry, parameters, body } = call
  const of = (place: string) => parameters.filter(([parameter]) => parameter.in === place)
  const path = of('path').reduce(
    (text, [{ name }, value]) => text.replace(`{${name}}`, encodeURIComponent(value)),
    entry.path,
  )
  const query = new URLSearchParams(of('query').map(([{ name }, value]) => [name, value]))
  const headers = Object.fromEntries([
    ...of('header').map(([{ name }, value]) => [name.toLowerCase(), value]),
    ...(body ? [['content-type', body.type]] : []),
    ...Object.entries(extra),
  ])
  const options = { method: entry.method, headers, body: body?.bytes }
  return fetch(`${url}${path}?${query}`, { ...options, redirect: 'manual' })
}

/** Reads an answer to its end, gives its body, and fails unless all is as `status` says there. */
export async function assertDocumented(
  { operation, path, method }: Entry,
  response: Response,
  status = String(response.status),
): Promise<string> {
  const { headers } = response
  const text = await readText(response)
  const what = `${method} ${path} answers ${response.status}`
  const answer = operation.responses[status]
  assert.ok(answer, `${what} without a word in the contract: ${text}`)
  for (const [name, { required, schema }] of Object.entries(answer.headers ?? {})) {
    const value = headers.get(name)
    if (value === null) assert.ok(!required, `${what} without ${name}`)
    else assertFits(schema, schema.type === 'integer' ? Number(value) : value, `${what}, ${name}`)
  }
  assertBody(answer.content ?? {}, headers.get('content-type'), text, what)
  return text
}

function assertBody(content: Content, header: string | null, text: string, what: string) {
  const type = header?.split(';')[0] ?? ''
  const media = content[type]
  if (Object.keys(content).length === 0) assert.equal(text, '', `${what} with a body`)
  else assert.ok(media, `${what} as "${type}"`)
  if (media) assertFits(media.schema, type.endsWith('json') ? JSON.parse(text) : text, what)
}

/** The text of a body, of a stream its first event. */
async function readText(response: Response): Promise<string> {
  if (response.headers.get('content-type') !== 'text/event-stream') return response.text()
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes('\n\n')) break
  }
  return text
}
