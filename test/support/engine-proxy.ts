import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
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

/** What goes wrong with a call. */
export interface Fault {
  /** Before the engine has the call: it is cut or never answered. */
  before?: 'cut' | 'silence'
  /** Instead of passing the call on. */
  answer?: { status: number; code: string; more?: object; headers?: Record<string, string> }
  /** After the engine has answered; the answer is held back for that long, or lost. */
  delayMs?: number
  after?: 'cut' | 'silence'
}

export interface EngineProxy {
  url: string
  /** All calls so far. */
  calls: Call[]
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
  const proxy: EngineProxy = { url: `http://127.0.0.1:${port}`, calls: [], fault: () => undefined }
  return proxy

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const at = performance.now()
    const body = await text(request)
    const operation = String(request.headers['x-amz-target']).split('.')[1] as string
    const call = { operation, input: JSON.parse(body), headers: request.headers, at }
    proxy.calls.push(call)
    const fault = await proxy.fault(call)
    if (fault?.before === 'silence') return
    if (fault?.before === 'cut') return response.destroy()
    if (fault?.answer) return refuse(response, fault.answer)
    const { status, content } = await passOn(request, body)
    if (fault?.delayMs) await delay(fault.delayMs)
    if (fault?.after === 'silence') return
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

function refuse(
  response: ServerResponse,
  { status, code, more, headers }: NonNullable<Fault['answer']>,
) {
  const __type = `com.amazonaws.dynamodb.v20120810#${code}`
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', ...headers })
  response.end(JSON.stringify({ __type, message: code, ...more }))
}
