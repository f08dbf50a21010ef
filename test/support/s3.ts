import { hash } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Credentials, Refusal, verify } from './sigv4.ts'

export interface FakeS3 {
  /** For path style, such as `${url}/bucket/key`. */
  url: string
  port: number
  /** What it holds, by `bucket/key`. */
  objects: Map<string, Buffer>
  /** When each object was put. */
  storedAt: Map<string, Date>
  /** The latest requests with what became of them: `GET bucket/key 200`. */
  requests: string[]
  /** How many connections it has accepted. */
  connections: number
  /** While true, every connection is cut without an answer. */
  failing: boolean
  /** How fast objects are sent; with 0, only the headers ever come. */
  bytesPerSecond: number
  /** How far its clock is ahead of its client's. */
  clockAheadMs: number
  close: () => Promise<void>
}

interface S3Options {
  /** The ones that the metadata service gives out. */
  credentials: Credentials
  region: string
  tls?: { key: string; cert: string }
  /** Buckets that can be listed and added to, but whose objects nobody can replace. */
  appendOnly?: string[]
}

interface Reply {
  status: number
  headers: Record<string, string | number>
  content?: Buffer
}

const bodyLimitBytes = 256 * 2 ** 20
const requestsLimit = 1000
const stepsPerSecond = 10
const keysPerPage = 3

/**
 * S3 as an instance sees it that may get objects, and list and add those of some buckets. Takes no request without a
 * valid signature, and names of buckets in the path (`/bucket/key`) as in the Host
 * (`bucket.s3.REGION.amazonaws.com`).
 */
export async function startS3({
  credentials,
  region,
  tls,
  appendOnly = [],
}: S3Options): Promise<FakeS3> {
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const s3: FakeS3 = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    objects: new Map(),
    storedAt: new Map(),
    requests: [],
    connections: 0,
    failing: false,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    clockAheadMs: 0,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  server.on('connection', () => {
    s3.connections += 1
  })
  return s3

  async function answer(request: IncomingMessage, response: ServerResponse) {
    if (s3.failing) return request.destroy()
    try {
      const name = nameOf(request)
      const reply = await handle(request, name).catch(replyOf)
      s3.requests.push(`${request.method} ${name} ${reply.status}`)
      s3.requests.splice(0, s3.requests.length - requestsLimit)
      response.writeHead(reply.status, reply.headers).flushHeaders()
      await send(response, reply.content)
    } catch {
      request.destroy()
    }
  }

  function nameOf({ headers, url = '' }: IncomingMessage): string {
    const [host = ''] = (headers.host ?? '').split(':')
    const path = decodeURIComponent(url.split('?')[0] as string)
    const suffix = `.s3.${region}.amazonaws.com`
    return host.endsWith(suffix) ? host.slice(0, -suffix.length) + path : path.slice(1)
  }

  async function handle(request: IncomingMessage, name: string): Promise<Reply> {
    const { method = '', url = '', headers } = request
    const body = await readBody(request)
    verify({ method, url, headers, body }, credentials, region, Date.now() + s3.clockAheadMs)
    const [bucket = '', ...key] = name.split('/')
    const isAppendOnly = appendOnly.includes(bucket)
    if (method === 'GET' && isAppendOnly && key.join('') === '') return list(bucket, url)
    if (method === 'PUT') {
      // By the bucket's policy; then as S3 answers a condition that does not hold.
      if (isAppendOnly && headers['if-none-match'] !== '*') throw new Refusal(403, 'AccessDenied')
      if (headers['if-none-match'] === '*' && s3.objects.has(name))
        throw new Refusal(412, 'PreconditionFailed')
      s3.objects.set(name, body)
      s3.storedAt.set(name, new Date(Date.now() + s3.clockAheadMs))
    } else if (method !== 'GET' && method !== 'HEAD') throw new Refusal(405, 'MethodNotAllowed')
    const object = s3.objects.get(name)
    // As S3 answers who has no s3:ListBucket, so that nobody learns which keys there are.
    if (!object) throw new Refusal(403, 'AccessDenied', 'no such key, or not yours')
    const etag = `"${hash('md5', object)}"`
    if (method === 'PUT') return { status: 200, headers: { etag, 'content-length': 0 } }
    if (headers['if-none-match'] === etag) return { status: 304, headers: { etag } }
    return { status: 200, headers: { etag, 'content-length': object.length }, content: object }
  }

  /** A few keys a page, so that every client needs several. */
  function list(bucket: string, url: string): Reply {
    const { searchParams } = new URL(url, 'http://s3')
    const prefix = `${bucket}/${searchParams.get('prefix') ?? ''}`
    const after = searchParams.get('continuation-token') ?? ''
    const names = [...s3.objects.keys()].filter((name) => name.startsWith(prefix)).sort()
    const [page, more] = [0, keysPerPage].map((from) =>
      names.filter((name) => name > after).slice(from, from + keysPerPage),
    ) as [string[], string[]]
    const contents = page.map((name) => {
      const size = s3.objects.get(name)?.length
      const at = (s3.storedAt.get(name) ?? new Date(0)).toISOString()
      const key = name.slice(bucket.length + 1)
      return `<Contents><Key>${key}</Key><LastModified>${at}</LastModified><Size>${size}</Size></Contents>`
    })
    const next =
      more.length > 0 ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
    const content = Buffer.from(
      `<ListBucketResult><IsTruncated>${more.length > 0}</IsTruncated>${contents.join('')}${next}</ListBucketResult>`,
    )
    const headers = { 'content-type': 'application/xml', 'content-length': content.length }
    return { status: 200, headers, content }
  }

  async function send(response: ServerResponse, content: Uint8Array = Buffer.alloc(0)) {
    for (let sent = 0; sent < content.length && !response.destroyed; ) {
      if (s3.failing) return response.destroy()
      const next = Math.ceil(sent + s3.bytesPerSecond / stepsPerSecond)
      response.write(content.subarray(sent, next))
      sent = next
      if (sent < content.length) await sleep(1000 / stepsPerSecond)
    }
    response.end()
  }
}

function replyOf(error: unknown): Reply {
  if (!(error instanceof Refusal)) throw error
  const { status, code, message } = error
  const content = Buffer.from(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`)
  const headers = { 'content-type': 'application/xml', 'content-length': content.length }
  return { status, headers, content }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (request.method === 'PUT' && request.headers['content-length'] === undefined) {
    throw new Refusal(411, 'MissingContentLength')
  }
  if (Number(request.headers['content-length']) > bodyLimitBytes) {
    throw new Refusal(400, 'EntityTooLarge')
  }
  return Buffer.concat(await request.toArray())
}
