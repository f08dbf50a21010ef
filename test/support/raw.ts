import { once } from 'node:events'
import net from 'node:net'
import type { TestContext } from 'node:test'

/** Sends bytes as they are and gives all that comes back until the connection ends. */
export function sendRaw(url: string, bytes: string | Buffer, timeoutMs = 20_000): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes))
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`Silent after "${answer}"`)))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    socket.on('close', () => resolve(answer))
  })
}

/** The statuses of all answers in what came back. */
export function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
}

/** A request in bytes; a Host comes by itself. */
export function rawRequest(line: string, headers: string[] = [], body = ''): string {
  return `${[`${line} HTTP/1.1`, 'Host: onebox', ...headers].join('\r\n')}\r\n\r\n${body}`
}

/** A connection to speak over in turns. */
interface Conversation {
  socket: net.Socket
  /** All that has come so far. */
  heard: () => string
  /** Waits for a pattern in what has come. @throws when the connection ends without it */
  until: (pattern: RegExp) => Promise<string>
  /** Resolves once the server has ended the connection. */
  ended: Promise<unknown>
}

export async function converse(
  t: TestContext,
  url: string,
  timeoutMs = 20_000,
): Promise<Conversation> {
  const { hostname, port } = new URL(url)
  const socket = net.connect({ port: Number(port), host: hostname, allowHalfOpen: true })
  let answer = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.setTimeout(timeoutMs, () => socket.destroy())
  const ended = Promise.race([once(socket, 'end'), once(socket, 'close')])
  t.after(() => socket.destroy())
  await once(socket, 'connect')

  return { socket, heard: () => answer, until, ended }

  async function until(pattern: RegExp): Promise<string> {
    while (!pattern.test(answer)) {
      const event = await Promise.race([once(socket, 'data'), ended.then(() => 'end')])
      if (event === 'end' && !pattern.test(answer)) throw new Error(`Ended after "${answer}"`)
    }
    return answer
  }
}
