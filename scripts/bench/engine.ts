import { existsSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fixedCredentials } from '../../server/aws/credentials.ts'
import { DynamoClient } from '../../server/dynamodb/client.ts'
import { start, stop } from './processes.ts'
import { freePort } from './servers.ts'

const program = resolve(import.meta.dirname, '../../node_modules/@dynoxide/linux-x64/dynoxide')
const startTimeoutMs = 20_000

/** An emulator of DynamoDB that is as far away as the real one. */
export interface Engine {
  url: string
  /** Calls so far that read. */
  reads: () => number
}

export function hasEngine(): boolean {
  return existsSync(program)
}

/** Starts the emulator behind a proxy that delays each call, and ends both after `use`. */
export async function withEngine<T>(delayMs: number, use: (engine: Engine) => Promise<T>) {
  const port = await freePort()
  const child = start([program, 'serve', '--port', `${port}`], { stdio: 'ignore' })
  const proxy = createProxy(port, delayMs)
  try {
    await untilItAnswers(port)
    proxy.server.listen(0, '127.0.0.1')
    await new Promise((done) => proxy.server.once('listening', done))
    const { port: proxyPort } = proxy.server.address() as { port: number }
    return await use({ url: `http://127.0.0.1:${proxyPort}`, reads: proxy.reads })
  } finally {
    proxy.server.close()
    proxy.server.closeAllConnections()
    await stop(child)
  }
}

/** Creates a table whose items have a text `id`. */
export async function createTable(url: string, name: string) {
  const keys = { accessKeyId: 'bench', secretAccessKey: 'bench', sessionToken: '' }
  const client = new DynamoClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: fixedCredentials(keys),
    callTimeoutMs: startTimeoutMs,
    tryTimeoutMs: startTimeoutMs,
  })
  await client.call('CreateTable', {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  })
}

function createProxy(port: number, delayMs: number) {
  const agent = new Agent({ keepAlive: true })
  let reads = 0
  const server = createServer((incoming, response) => {
    if (/\.(GetItem|BatchGetItem|Query|Scan)$/.test(`${incoming.headers['x-amz-target']}`))
      reads += 1
    setTimeout(() => passOn(incoming, response), delayMs)
  })
  server.keepAliveTimeout = 0
  return { server, reads: () => reads }

  function passOn(incoming: IncomingMessage, response: ServerResponse) {
    const { method, url, headers } = incoming
    const outgoing = request({ host: '127.0.0.1', port, agent, method, path: url, headers })
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    incoming.pipe(outgoing)
  }
}

async function untilItAnswers(port: number) {
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline) {
    if (await fetch(`http://127.0.0.1:${port}/`).catch(() => null)) return
    await delay(50)
  }
  throw new Error('dynoxide did not start')
}
