import { generateKeyPairSync, hash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { authorityKey, encodeRoot, issueCertificate, makeCertificate } from './certificates.ts'
import type { Lifetime } from './lifetime.ts'

export interface PlacedOrder {
  names: string[]
  profile: string
  replaces?: string
}

export interface AcmeServer {
  directoryUrl: string
  /** The certificate to trust it with: in PEM, and as ACME_ROOT has it. */
  root: string
  acmeRoot: string
  orders: PlacedOrder[]
  /** Every request, as method and path. */
  requests: string[]
  /** Serial numbers of issued certificates. */
  issued: string[]
  /** Changes how it behaves. */
  behave: Behaviour
}

export interface Behaviour {
  profiles: string[]
  lifetimeMs: number
  /** How far its clock is ahead. */
  clockAheadMs: number
  /** When it suggests renewals, from now. */
  window: [fromMs: number, toMs: number] | undefined
  /** Issues for other names. */
  names?: string[] | undefined
  /** Answers a request otherwise, or is told of it. */
  intercept: (request: string, payload: Payload) => Refusal | undefined
}

export interface Refusal {
  status: number
  type: string
  headers?: Record<string, string>
}

interface Order {
  names: string[]
  status: string
  cert?: string
}

/** A certificate authority that does what a test wants; pebble is the real check. */
export async function startAcmeServer(t: Lifetime, challengeDir: string): Promise<AcmeServer> {
  const own = makeCertificate(['127.0.0.1'])
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const nonces = new Set<string>()
  const orders: Order[] = []
  const server = createServer({ key: own.key, cert: own.cert }, (request, response) => {
    answer(request, response).catch((error) => {
      response.writeHead(500).end(String(error))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const base = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const acme: AcmeServer = {
    directoryUrl: `${base}/directory`,
    root: own.cert,
    acmeRoot: encodeRoot(own.cert),
    orders: [],
    requests: [],
    issued: [],
    behave: {
      profiles: ['classic', 'shortlived'],
      lifetimeMs: 160 * 3_600_000,
      clockAheadMs: 0,
      window: undefined,
      intercept: () => undefined,
    },
  }
  return acme

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const path = request.url as string
    const nonce = hash('sha256', String(Math.random()))
    nonces.add(nonce)
    response.setHeader('Replay-Nonce', nonce)
    response.setHeader('Date', new Date(Date.now() + acme.behave.clockAheadMs).toUTCString())
    const { protected: head, payload } = read((await text(request)) || '{}')
    const what = `${request.method} ${path}`
    acme.requests.push(what)
    const refusal = refuse(request, head) ?? acme.behave.intercept(what, payload)
    if (refusal) {
      const type = `urn:ietf:params:acme:error:${refusal.type}`
      const body = JSON.stringify({ type, detail: `refused as ${refusal.type}` })
      return response.writeHead(refusal.status, refusal.headers).end(body)
    }
    const result = handle(path, payload, response)
    response.end(typeof result === 'string' ? result : JSON.stringify(result))
  }

  function refuse(request: IncomingMessage, head: { nonce?: string }): Refusal | undefined {
    if (!request.headers['user-agent']) return { status: 400, type: 'malformed' }
    if (request.method !== 'POST') return undefined
    if (!nonces.delete(head.nonce ?? '')) return { status: 400, type: 'badNonce' }
  }

  function handle(path: string, payload: Payload, response: ServerResponse): unknown {
    const [, kind = '', id = ''] = path.split('/')
    const order = orders[Number(id.split('-')[0])] as Order
    switch (kind) {
      case 'directory':
        return directory()
      case 'nonce':
        return ''
      case 'account':
        response.setHeader('Location', `${base}/account/1`)
        return {}
      case 'new-order':
        return place(payload, response)
      case 'order':
        return show(order, id)
      case 'authorization':
        return authorization(order, id)
      case 'challenge':
        check(order, id)
        return {}
      case 'finalize':
        finalize(order, Buffer.from(payload.csr ?? '', 'base64url'))
        return show(order, id)
      case 'certificate':
        return order.cert
      case 'renewal-info':
        return renewalInfo(response)
    }
    response.statusCode = 404
    return { type: 'malformed' }
  }

  function directory() {
    const { profiles, window } = acme.behave
    return {
      newNonce: `${base}/nonce`,
      newAccount: `${base}/account`,
      newOrder: `${base}/new-order`,
      ...(window && { renewalInfo: `${base}/renewal-info` }),
      meta: { profiles: Object.fromEntries(profiles.map((name) => [name, 'a profile'])) },
    }
  }

  function place({ identifiers = [], profile = '', replaces }: Payload, response: ServerResponse) {
    const names = identifiers.map(({ value }) => value)
    acme.orders.push({ names, profile, ...(replaces && { replaces }) })
    const id = String(orders.push({ names, status: 'pending' }) - 1)
    response.setHeader('Location', `${base}/order/${id}`)
    return show(orders.at(-1) as Order, id)
  }

  function show({ status, names, cert }: Order, id: string) {
    return {
      status,
      authorizations: names.map((_, index) => `${base}/authorization/${id}-${index}`),
      finalize: `${base}/finalize/${id}`,
      ...(cert && { certificate: `${base}/certificate/${id}` }),
    }
  }

  function authorization(order: Order, id: string) {
    return {
      status: order.status === 'pending' ? 'pending' : 'valid',
      identifier: { value: order.names[Number(id.split('-')[1])] },
      challenges: [
        { type: 'dns-01', url: `${base}/none`, token: 'none' },
        { type: 'http-01', url: `${base}/challenge/${id}`, token: `token-${id}` },
      ],
    }
  }

  function check(order: Order, id: string) {
    const file = join(challengeDir, `token-${id}`)
    const found = existsSync(file) && readFileSync(file, 'utf8')
    order.status = found && /^token-\S+\.[\w-]{43}$/.test(found) ? 'ready' : 'invalid'
  }

  function finalize(order: Order, csr: Buffer) {
    const { lifetimeMs, clockAheadMs, names = order.names } = acme.behave
    const at = csr.indexOf(Buffer.from('3059301306072a8648ce3d0201', 'hex'))
    const notBefore = Date.now() + clockAheadMs - 3_600_000
    order.cert = issueCertificate(csr.subarray(at, at + 91), ca.privateKey, {
      names,
      notBefore,
      notAfter: notBefore + lifetimeMs,
      extensions: [authorityKey(Buffer.from('an issuer'))],
    })
    acme.issued.push(new X509Certificate(order.cert).serialNumber)
    order.status = 'valid'
  }

  function renewalInfo(response: ServerResponse) {
    const [from, to] = acme.behave.window as [number, number]
    response.setHeader('Retry-After', '7200')
    const at = (ms: number) => new Date(Date.now() + ms).toISOString()
    return { suggestedWindow: { start: at(from), end: at(to) } }
  }
}

/** Of new-order and finalize. */
interface Payload {
  identifiers?: { value: string }[]
  profile?: string
  replaces?: string
  csr?: string
}

function read(body: string): { protected: { nonce?: string }; payload: Payload } {
  const { protected: head = '', payload = '' } = JSON.parse(body)
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString() || '{}')
  return { protected: decode(head), payload: decode(payload) }
}
