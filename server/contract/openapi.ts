/** The parts of OpenAPI 3.1 that our document uses, with every `$ref` resolved. */
export interface OpenApi {
  info: { title: string; version: string; summary: string; description: string }
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
}

export interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  parameters?: Parameter[]
  requestBody?: RequestBody
  responses: Record<string, ResponseObject>
  security?: Record<string, string[]>[]
  'x-codeSamples': { label?: string; source: string }[]
}

interface RequestBody {
  required?: boolean
  content: Content
  /** Other accepted media types; with several in `content`, client generators mix them up. */
  'x-alternatives'?: Content
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  description?: string
  schema: Schema
  example: string | number
}

export interface ResponseObject {
  description: string
  headers?: Record<string, { description: string; required?: boolean; schema: Schema }>
  content?: Content
}

/** By media type. */
export type Content = Record<string, MediaType>

export interface MediaType {
  schema: Schema
  example?: unknown
  examples?: Record<string, Example>
}

interface Example {
  summary?: string
  value: unknown
}

export interface Schema {
  type?: string | string[]
  description?: string
  format?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  default?: unknown
  required?: string[]
  properties?: Record<string, Schema>
  anyOf?: Schema[]
}

/**
 * Resolves every reference in the document.
 * @throws {Error} naming a reference that leads nowhere
 */
export function dereference(openapi: unknown): OpenApi {
  return replace(openapi) as OpenApi

  function replace(node: unknown): unknown {
    if (Array.isArray(node)) return node.map(replace)
    if (typeof node !== 'object' || node === null) return node
    if ('$ref' in node) return replace(follow(openapi, node.$ref as string))
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, replace(value)]))
  }
}

function follow(root: unknown, reference: string): unknown {
  const steps = reference.split('/').slice(1)
  const found = steps.reduce<unknown>(
    (node, step) => (node as Record<string, unknown>)?.[step],
    root,
  )
  if (found === undefined) throw new Error(`The reference ${reference} leads nowhere: correct it`)
  return found
}

/** Every accepted body of a request, by media type. */
export function bodiesOf({ content, 'x-alternatives': alternatives }: RequestBody): Content {
  return { ...content, ...alternatives }
}

/** The examples of a body, from `example` or `examples`. */
export function examplesOf({ example, examples = {} }: MediaType): Example[] {
  return example === undefined ? Object.values(examples) : [{ value: example }]
}

/** Encodes an example as it is sent. */
export function encode(type: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (type !== 'application/x-www-form-urlencoded') return JSON.stringify(value)
  return new URLSearchParams(value as Record<string, string>).toString()
}

/** One method of one path. */
export interface Entry {
  path: string
  method: string
  operation: Operation
}

export function entriesOf(openapi: OpenApi): Entry[] {
  return Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation,
    })),
  )
}
