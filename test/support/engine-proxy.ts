import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Lifetime } from './lifetime.ts'

/** A call of DynamoDB. */
export interface Call {
  /** Such as PutItem. */
  operation: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever the operation takes
  input: any
  headers: IncomingMessage['headers']
  /** By `performance.now()`. */
  at: number
}

interface Answer {
  status: number
  code?: string
  more?: object
  headers?: Record<string, string>
}

/** What goes wrong with a call. */
export interface Fault {
  /** Before the engine has the call: it is cut or never answered. */
  before?: 'cut' | 'silence'
  /** Instead of passing the call on. */
  answer?: Answer
  /** After the engine has carried it out: the answer is held back until then, or lost. */
  until?: Promise<unknown>
  after?: 'cut'
}

export interface EngineProxy {
  url: string
  /** All calls so far, but for those that look for a move, which come by time. */
  calls: Call[]
  looks: Call[]
  /** Open connections. */
  connections: () => Promise<number>
  /** Decides what goes wrong; may wait. */
  fault: (call: Call) => Fault | undefined | Promise<Fault | undefined>
}

/** A proxy in front of an engine, which fails on command. */
export async function startEngineProxy(t: Lifetime, engine: string): Promise<EngineProxy> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const proxy: EngineProxy = {
    url: `http://127.0.0.1:${port}`,
    calls: [],
    looks: [],
    connections,
    fault: () => undefined,
  }
  return proxy

  function connections() {
    return new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
  }

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const at = performance.now()
    const body = await text(request)
    const operation = String(request.headers['x-amz-target']).split('.')[1] as string
    const call = { operation, input: JSON.parse(body), headers: request.headers, at }
    if (isLook(call)) proxy.looks.push(call)
    else proxy.calls.push(call)
    const fault = await proxy.fault(call)
    if (fault?.before === 'silence') return
    if (fault?.before === 'cut') return response.destroy()
    if (fault?.answer) return refuse(response, fault.answer)
    const { status, content } = await passOn(request, body)
    await fault?.until
    if (fault?.after === 'cut') return response.destroy()
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(content)
  }

  async function passOn({ headers }: IncomingMessage, body: string) {
    const names = ['content-type', 'x-amz-target', 'x-amz-date', 'authorization']
    const kept = names.map((name): [string, string] => [name, String(headers[name])])
    const answer = await fetch(engine, { method: 'POST', headers: kept, body })
    return { status: answer.status, content: await answer.text() }
  }
}

function refuse(response: ServerResponse, { status, code, more, headers }: Answer) {
  const error = code && { __type: `com.amazonaws.dynamodb.v20120810#${code}`, message: code }
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', ...headers })
  response.end(JSON.stringify({ ...(error || {}), ...more }))
}

function isLook({ operation, input }: Call): boolean {
  return operation === 'GetItem' && input.Key?.kind?.S === 'move'
}

/** For the first calls of an operation. */
export function first(count: number, operation: string, fault: Fault): EngineProxy['fault'] {
  let left = count
  return (call) => {
    if (call.operation !== operation || isLook(call) || left === 0) return undefined
    left -= 1
    return fault
  }
}

const words = /(?<![#:\w])[a-z_]\w*/gi
const keywords = new Set([
  ...['AND', 'OR', 'NOT', 'IN', 'BETWEEN', 'SET'],
  ...['attribute_exists', 'attribute_not_exists'],
])

/**
 * What no emulator checks: reads are strongly consistent, and no expression has an attribute's own name,
 * which may be a reserved word.
 */
export function assertWellFormed(calls: Call[]) {
  for (const { operation, input } of calls) {
    const what = `${operation} ${JSON.stringify(input)}`
    const reads = operation === 'BatchGetItem' ? Object.values(input.RequestItems) : [input]
    if (['GetItem', 'Query', 'Scan', 'BatchGetItem'].includes(operation)) {
      for (const read of reads) assert.equal(read.ConsistentRead, true, what)
    }
    for (const part of [input, ...(input.TransactItems ?? []).flatMap(Object.values)]) {
      const expressions = Object.entries(part).filter(([name]) => name.endsWith('Expression'))
      for (const [, expression] of expressions) {
        const plain = [...String(expression).matchAll(words)].map(([word]) => word)
        assert.ok(
          plain.every((word) => keywords.has(word)),
          what,
        )
      }
    }
  }
}
