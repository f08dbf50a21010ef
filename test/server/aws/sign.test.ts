import assert from 'node:assert/strict'
import { createHash, createHmac, hash } from 'node:crypto'
import test from 'node:test'
import { SignatureV4 } from '@smithy/signature-v4'
import { sign } from '../../../server/aws/sign.ts'
import { makeCredentials } from '../../support/sigv4.ts'

const paths = [
  '/recent/onebox-20261128T091500Z.json',
  '/a%20b%2Bc/%C3%A4',
  '/?list-type=2&prefix=daily%2F&continuation-token=a%2Bb%2Fc%3D%3D',
]

test('a call of DynamoDB has that signature, too, with and without a session token', async () => {
  const { expiration: _, ...role } = makeCredentials()
  const url = new URL('https://dynamodb.eu-west-1.amazonaws.com/')
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'D.GetItem' }
  for (const credentials of [role, { ...role, sessionToken: '' }]) {
    const scope = { region: 'eu-west-1', service: 'dynamodb' } as const
    const now = new Date('2026-11-28T09:15:00.123Z')
    const request = { method: 'POST', url, headers, digest: hash('sha256', '{}') }
    const { authorization, ...unsigned } = sign(request, credentials, scope, now)
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const token = sessionToken === '' ? {} : { sessionToken }
    const signer = new SignatureV4({
      ...{ ...scope, sha256: Sha256 as never },
      credentials: { accessKeyId, secretAccessKey, ...token },
    })
    const theirs = await signer.sign(
      {
        ...{ method: 'POST', protocol: 'https:', hostname: url.hostname, path: '/', query: {} },
        ...{ headers: unsigned, body: '{}' },
      },
      { signingDate: now },
    )
    assert.equal(authorization, theirs.headers.authorization)
  }
})

test('a signed request has the signature that AWS’s own signer makes', async () => {
  const { expiration: _, ...credentials } = makeCredentials()
  for (const path of paths) {
    const url = new URL(path, 'https://backups.s3.eu-west-1.amazonaws.com')
    const digest = hash('sha256', 'content')
    const headers = { 'content-length': '7', 'if-none-match': '*' }
    const now = new Date('2026-11-28T09:15:00.123Z')
    const scope = { region: 'eu-west-1', service: 's3' } as const
    const ours = sign({ method: 'PUT', url, headers, digest }, credentials, scope, now)
    const signer = new SignatureV4({
      credentials,
      region: 'eu-west-1',
      service: 's3',
      sha256: Sha256 as never,
      uriEscapePath: false,
    })
    const { authorization: _, ...unsigned } = ours
    const theirs = await signer.sign(
      {
        method: 'PUT',
        protocol: 'https:',
        hostname: url.hostname,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: unsigned,
      },
      { signingDate: now },
    )
    assert.equal(ours.authorization, theirs.headers.authorization, path)
  }
})

class Sha256 {
  readonly #hash
  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret)
  }
  update(data: string | Uint8Array) {
    this.#hash.update(data)
  }
  async digest() {
    return new Uint8Array(this.#hash.digest())
  }
}
