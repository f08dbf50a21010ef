import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Lifetime } from '../support/lifetime.ts'
import { type Pebble, startPebble } from '../support/pebble.ts'

/** What an instance takes for its certificate authority. */
export interface Authority {
  pebble: Pebble
  /** Another that refuses everything, as after too many requests. */
  busy: { port: number; requests: () => number }
  /** Leads to one of them. */
  relay: Relay
}

interface Relay {
  port: number
  /** The port that connections are passed to; without one, they get no answer. */
  target: number | undefined
}

/** A certificate authority that may be replaced while the instance runs. */
export async function startAuthority(
  t: Lifetime,
  options: Parameters<typeof startPebble>[1],
): Promise<Authority> {
  const pebble = await startPebble(t, options)
  const type = 'urn:ietf:params:acme:error:rateLimited'
  const problem = JSON.stringify({ type, detail: 'too many certificates' })
  let requests = 0
  const server = createHttpsServer(pebble.own, (_request, response) => {
    requests += 1
    response.writeHead(429, { 'Retry-After': '18000' }).end(problem)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const busy = { port, requests: () => requests }
  return { pebble, busy, relay: await startRelay(t, pebble.port) }
}

/** Passes connections on to a port of this machine. */
export async function startRelay(
  t: Lifetime,
  target: number | undefined,
  { host = '127.0.0.1', port = 0, onVisit = () => {} } = {},
): Promise<Relay> {
  const server = createServer((visitor) => {
    onVisit()
    visitor.on('error', () => {})
    if (relay.target === undefined) return
    const beyond = connect(relay.target, '127.0.0.1').on('error', () => visitor.destroy())
    visitor
      .on('close', () => beyond.destroy())
      .pipe(beyond)
      .pipe(visitor)
  })
  server.listen(port, host)
  await once(server, 'listening')
  t.after(() => server.close())
  const relay: Relay = { port: (server.address() as AddressInfo).port, target }
  return relay
}
