import { createHmac, hash } from 'node:crypto'

/** Of the instance's role, or of a user. */
export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  /** Empty for those of a user. */
  sessionToken: string
  /** In milliseconds since the Unix epoch; absent if they do not expire. */
  expiresAt?: number
}

export interface Scope {
  region: string
  service: 's3' | 'dynamodb'
}

interface Request {
  method: string
  url: URL
  /** With names in lower case. */
  headers: Record<string, string>
  /** The SHA-256 of the body. */
  digest: string
}

/**
 * The headers of a request, with AWS Signature Version 4. The path must be encoded as S3 wants it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function sign(
  { method, url, headers, digest }: Request,
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  { region, service }: Scope,
  now = new Date(),
): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = [time.slice(0, 8), region, service, 'aws4_request']
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-content-sha256': digest,
    'x-amz-date': time,
  }
  if (sessionToken !== '') all['x-amz-security-token'] = sessionToken
  const names = Object.keys(all).sort()
  const canonical = [
    method,
    url.pathname,
    canonicalQuery(url),
    ...names.map((name) => `${name}:${all[name]}`),
    '',
    names.join(';'),
    digest,
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', time, scope.join('/'), hash('sha256', canonical)].join('\n')
  const signature = hmac(keyFor(secretAccessKey, scope), text).toString('hex')
  const credential = `${accessKeyId}/${scope.join('/')}`
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return { ...all, authorization }
}

let derived = { from: '', key: Buffer.alloc(0) }

/** The same for a day. */
function keyFor(secretAccessKey: string, scope: string[]): Buffer {
  const from = [secretAccessKey, ...scope].join()
  if (derived.from !== from) {
    const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
    derived = { from, key: key as Buffer<ArrayBuffer> }
  }
  return derived.key
}

function canonicalQuery({ searchParams }: URL): string {
  const pairs = [...searchParams].map((pair) => pair.map(encode).join('='))
  return pairs.sort().join('&')
}

/** Everything but unreserved characters, as AWS wants it. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
