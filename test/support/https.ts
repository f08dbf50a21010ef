import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'

interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: string
  peer: tls.PeerCertificate
}

/** One request on a connection of its own, to a server with a certificate of any authority. */
export async function getSecurely(
  port: number,
  path = '/echo',
  options: tls.ConnectionOptions & { headers?: Record<string, string>; method?: string } = {},
): Promise<Answer> {
  const sent = request({
    ...{ host: '127.0.0.1', port, path, agent: false, rejectUnauthorized: false },
    ...options,
  })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const peer = (response.socket as tls.TLSSocket).getPeerCertificate()
  const { statusCode: status = 0, headers } = response
  return { status, headers, body: await text(response), peer }
}

/** A finished handshake. */
export async function shakeHands(port: number, options: tls.ConnectionOptions = {}) {
  const place = { host: '127.0.0.1', port, rejectUnauthorized: false }
  const socket = tls.connect({ ...place, ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** An address of this machine that is not loopback, if it has one. */
export function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}
