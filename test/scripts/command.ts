import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { inherited } from '../support/inherited.ts'
import type { Lifetime } from '../support/lifetime.ts'

export const main = resolve(import.meta.dirname, '../../scripts/main.ts')

export interface Ended {
  code: number | null
  out: string
  error: string
}

interface RunOptions {
  env?: Record<string, string> | undefined
  /** Sent to the command once it resolves. */
  signal?: Promise<NodeJS.Signals>
  onOutput?: ((text: string) => void) | undefined
}

/** Runs a command of `npx onebox` with its own environment. */
export function run(command: string, args: string[], options?: RunOptions): Promise<Ended> {
  return runFile(main, [command, ...args], options)
}

export async function runFile(
  file: string,
  args: string[],
  { env = {}, signal, onOutput = () => {} }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...inherited, ...env },
    timeout: 120_000,
  })
  signal?.then((name) => child.kill(name))
  const ended: Ended = { code: null, out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    ended.out += text
    onOutput(text)
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    ended.error += text
  })
  ended.code = (await once(child, 'close'))[0]
  return ended
}

/** Expects one line with the error, and no stack. */
export function assertFailure({ code, error }: Ended, expected: RegExp, wanted = 1) {
  assert.match(error, expected)
  assert.equal(error.trimEnd().split('\n').length, 1, error)
  assert.equal(code, wanted, error)
}

/** The same for usage errors. */
export function assertUsageError(ended: Ended, expected: RegExp) {
  assertFailure(ended, expected, 2)
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void

export async function serve(t: Lifetime, listener: Listener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An answer on its way through a proxy. */
export interface Passing {
  /** Such as `GET /`. */
  what: string
  /** The server that answered. */
  origin: string
  sent: Buffer
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

export interface ProxyOptions {
  /** Chooses the server of each connection. */
  choose?: (port: number) => string
  /** Changes a request before it is passed on, such as its headers. */
  spoilRequest?: (request: IncomingMessage) => void
  spoil?: (passing: Passing) => void | Promise<void>
}

/** A proxy that passes on everything but what `spoil` changes. */
export function startProxy(t: TestContext, url: string, options: ProxyOptions): Promise<string> {
  const { choose = () => url, spoilRequest = () => {}, spoil = () => {} } = options
  return serve(t, async (incoming, response) => {
    const sent = await buffer(incoming)
    spoilRequest(incoming)
    const { method, url: path, headers } = incoming
    const origin = choose(incoming.socket.remotePort as number)
    const onward = request(origin + path, { method, headers }).end(sent)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    const passing: Passing = {
      what: `${method} ${path}`,
      origin,
      sent,
      status: answer.statusCode as number,
      headers: answer.headers,
      body: (await buffer(answer)).toString(),
    }
    await spoil(passing)
    const { 'content-length': _, ...rest } = passing.headers
    response.writeHead(passing.status, rest as Record<string, string>).end(passing.body)
  })
}
