import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** What an instance's role is given for some hours; a test rotates them by assigning new ones. */
export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  /** ISO time, as the metadata service tells it. */
  expiration: string
}

interface SignedRequest {
  method: string
  /** Path and query as they came. */
  url: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** What S3 answers in place of an object. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message = code) {
    super(message)
    this.status = status
    this.code = code
  }
}

const clockToleranceMs = 15 * 60_000
const form =
  /^AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([\da-f]{64})$/

export function makeCredentials(): Credentials {
  return {
    accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    sessionToken: randomBytes(256).toString('base64'),
    expiration: new Date(Date.now() + 6 * 3_600_000).toISOString().replace(/\.\d+/, ''),
  }
}

/**
 * Holds a request to AWS Signature Version 4 in its Authorization header, as S3 does.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * @throws {Refusal}
 */
export function verify(
  request: SignedRequest,
  credentials: Credentials,
  region: string,
  nowMs = Date.now(),
) {
  const { headers } = request
  if (headers.authorization === undefined) throw new Refusal(403, 'AccessDenied', 'not signed')
  const [, credential = '', names = '', signature = ''] = form.exec(headers.authorization) ?? []
  const [accessKeyId, ...scope] = credential.split('/')
  const day = scope[0] as string
  if (scope.join('/') !== `${day}/${region}/s3/aws4_request`) {
    throw new Refusal(400, 'AuthorizationHeaderMalformed', `signed for ${scope.join('/')}`)
  }
  checkIdentity(accessKeyId as string, headers, credentials, nowMs)
  const time = checkTime(headers, day, nowMs)
  const signedNames = names.split(';')
  checkSignedHeaders(headers, signedNames)
  const declared = headers['x-amz-content-sha256']
  // Curl adds it by itself since version 8.
  if (declared === undefined) throw new Refusal(400, 'InvalidRequest', 'no x-amz-content-sha256')

  const text = ['AWS4-HMAC-SHA256', time, scope.join('/'), hash('sha256', canonical())].join('\n')
  const secret = [...scope, text].reduce<string | Buffer>(
    hmac,
    `AWS4${credentials.secretAccessKey}`,
  )
  if (!timingSafeEqual(secret as Buffer, Buffer.from(signature, 'hex'))) {
    throw new Refusal(403, 'SignatureDoesNotMatch', `expected it over ${canonical()}`)
  }
  if (declared !== 'UNSIGNED-PAYLOAD' && declared !== hash('sha256', request.body)) {
    throw new Refusal(400, 'XAmzContentSHA256Mismatch')
  }

  function canonical(): string {
    const { pathname, searchParams } = new URL(request.url, 'http://s3')
    const path = pathname.split('/').map((part) => encode(decodeURIComponent(part)))
    const query = [...searchParams].map((pair) => pair.map(encode).join('='))
    const lines = signedNames.map((name) => `${name}:${spaceless(headers[name])}`)
    return [
      request.method,
      path.join('/'),
      query.sort().join('&'),
      ...lines,
      '',
      names,
      declared,
    ].join('\n')
  }
}

function checkIdentity(
  accessKeyId: string,
  headers: IncomingHttpHeaders,
  known: Credentials,
  nowMs: number,
) {
  if (accessKeyId !== known.accessKeyId) throw new Refusal(403, 'InvalidAccessKeyId')
  const token = headers['x-amz-security-token']
  if (token === undefined) throw new Refusal(403, 'InvalidAccessKeyId', 'no session token')
  if (token !== known.sessionToken) throw new Refusal(400, 'InvalidToken')
  if (Date.parse(known.expiration) < nowMs) throw new Refusal(400, 'ExpiredToken')
}

function checkTime(headers: IncomingHttpHeaders, day: string, nowMs: number): string {
  const time = String(headers['x-amz-date'])
  const iso = time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const skewMs = Math.abs(Date.parse(iso) - nowMs)
  if (Number.isNaN(skewMs) || !time.startsWith(day)) {
    throw new Refusal(403, 'AccessDenied', 'no valid x-amz-date')
  }
  if (skewMs > clockToleranceMs) throw new Refusal(403, 'RequestTimeTooSkewed')
  return time
}

function checkSignedHeaders(headers: IncomingHttpHeaders, signed: string[]) {
  const needed = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-amz-'))
  const missing = needed.filter((name) => !signed.includes(name))
  if (missing.length > 0)
    throw new Refusal(403, 'AccessDenied', `not signed: ${missing.join(', ')}`)
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** As AWS wants it: all but unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function spaceless(value: string | string[] = ''): string {
  return String(value).trim().replace(/ +/g, ' ')
}
