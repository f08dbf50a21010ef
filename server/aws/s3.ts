import { hash } from 'node:crypto'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Credentials, encode, sign } from './sign.ts'

export interface S3Options {
  /** Of the bucket, such as `https://NAME.s3.REGION.amazonaws.com`. */
  url: string
  region: string
  credentials: Credentials
}

interface Upload {
  content: Buffer | (() => Readable)
  bytes: number
  sha256: string
}

export interface StoredObject {
  key: string
  bytes: number
  /** By S3's own clock. */
  storedAt: Date
}

/** What S3 answered instead of what was asked for. */
export class S3Error extends Error {
  readonly status: number

  constructor(status: number, what: string, body: string) {
    const [, code = ''] = /<Code>(\w+)<\/Code>/.exec(body) ?? []
    super(`S3 answered ${status}${code && ` ${code}`} to ${what}`)
    this.status = status
  }
}

// A transfer may stall for so long.
const stallMs = 30_000
const errorLimitBytes = 10_000
const listLimitBytes = 2 ** 20
const emptyDigest = hash('sha256', '')

/** Reads and adds objects in one bucket. */
export class S3 {
  readonly #options: S3Options

  constructor(options: S3Options) {
    this.#options = options
  }

  /** Adds an object. @throws {S3Error} also if there is already one with that key */
  async add(key: string, { content, bytes, sha256 }: Upload) {
    const headers = { 'content-length': String(bytes), 'if-none-match': '*' }
    const answer = await this.#send('PUT', pathOf(key), { headers, content, digest: sha256 })
    answer.resume()
  }

  /** The content as a stream, and its length. @throws {S3Error} */
  async get(key: string): Promise<IncomingMessage> {
    return this.#send('GET', pathOf(key))
  }

  /** A small object's text. @throws {S3Error} */
  async getText(key: string, limitBytes: number): Promise<string> {
    return readText(await this.get(key), limitBytes)
  }

  /** Everything under a prefix, in the order of keys. @throws {S3Error} */
  async list(prefix: string): Promise<StoredObject[]> {
    const found: StoredObject[] = []
    for (let token: string | undefined = ''; token !== undefined; ) {
      const page = `?list-type=2&prefix=${encode(prefix)}`
      const more = token && `&continuation-token=${encode(token)}`
      const xml = await readText(await this.#send('GET', `/${page}${more}`), listLimitBytes)
      found.push(...objectsIn(xml))
      token = member(xml, 'NextContinuationToken')
    }
    return found
  }

  async #send(
    method: string,
    path: string,
    { headers = {}, content, digest = emptyDigest }: Partial<SendOptions> = {},
  ): Promise<IncomingMessage> {
    const { url: base, region, credentials } = this.#options
    const url = new URL(base.replace(/\/$/, '') + path)
    const scope = { region, service: 's3' } as const
    const signed = sign({ method, url, headers, digest }, credentials, scope)
    const { request } = url.protocol === 'https:' ? https : http
    const sent = request(url, { method, headers: signed, agent: false, timeout: stallMs })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve).on('error', reject)
      sent.on('timeout', () => sent.destroy(new Error('S3 stopped answering')))
    })
    // S3 may answer before it has everything.
    if (typeof content === 'function') pipeline(content(), sent).catch(() => {})
    else sent.end(content)
    const answer = await answered
    const status = answer.statusCode ?? 0
    if (status === 200) return answer
    throw new S3Error(status, `${method} ${path}`, await readText(answer, errorLimitBytes))
  }
}

interface SendOptions {
  headers: Record<string, string>
  content: Upload['content']
  digest: string
}

function pathOf(key: string): string {
  return `/${key.split('/').map(encode).join('/')}`
}

async function readText(answer: IncomingMessage, limitBytes: number): Promise<string> {
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) {
    text += chunk
    if (text.length > limitBytes) throw new Error('S3 sent more than expected')
  }
  return text
}

function objectsIn(xml: string): StoredObject[] {
  return [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, object = '']) => ({
    key: member(object, 'Key') ?? '',
    bytes: Number(member(object, 'Size')),
    storedAt: new Date(member(object, 'LastModified') ?? ''),
  }))
}

/** Our own keys need no decoding; AWS's tokens are Base64. */
function member(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
}
