import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import test, { type TestContext } from 'node:test'
import { type FakeS3, startS3 } from '../support/s3.ts'
import { type Credentials, makeCredentials } from '../support/sigv4.ts'
import { needs } from '../support/tools.ts'

const region = 'eu-west-1'

test("S3 returns an object to requests signed with the role's credentials, and 304 for its ETag", {
  skip: needs('curl'),
}, async (t) => {
  const { s3, get } = await start(t)
  s3.objects.set('bucket/desired.json', Buffer.from('{}'))
  const first = await get('/bucket/desired.json')
  assert.match(first, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n\{\}$/)
  const [, etag] = /^etag: (".*")/im.exec(first) ?? []
  assert.match(await get('/bucket/desired.json', { headers: [`If-None-Match: ${etag}`] }), / 304 /)
  assert.deepEqual(s3.requests, ['GET bucket/desired.json 200', 'GET bucket/desired.json 304'])
})

test('S3 also reads the bucket from the host', { skip: needs('curl') }, async (t) => {
  const { s3, get } = await start(t)
  s3.objects.set('my-bucket/releases/a b', Buffer.from('archive'))
  const host = `my-bucket.s3.${region}.amazonaws.com`
  const answer = await get('/releases/a%20b', { headers: [`Host: ${host}`] })
  assert.match(answer, /200 OK[\s\S]*archive$/)
})

test('S3 stores what is put', { skip: needs('curl') }, async (t) => {
  const { s3, get } = await start(t)
  assert.match(await get('/bucket/key', { args: ['--request', 'PUT', '--data', 'new'] }), / 200 /)
  assert.equal(s3.objects.get('bucket/key')?.toString(), 'new')
})

test('S3 refuses requests without a signature, or signed by another', {
  skip: needs('curl'),
}, async (t) => {
  const { s3, credentials, get } = await start(t)
  s3.objects.set('bucket/key', Buffer.from('secret'))
  assert.equal((await fetch(`${s3.url}/bucket/key`)).status, 403)
  const wrongSecret = { ...credentials, secretAccessKey: 'another' }
  assert.match(await get('/bucket/key', { as: wrongSecret }), /403 [\s\S]*SignatureDoesNotMatch/)
  const wrongToken = { ...credentials, sessionToken: 'another' }
  assert.match(await get('/bucket/key', { as: wrongToken }), /400 [\s\S]*InvalidToken/)
  const noToken = { ...credentials, sessionToken: '' }
  assert.match(await get('/bucket/key', { as: noToken }), /403 [\s\S]*no session token/)
  assert.match(await get('/bucket/key', { region: 'us-east-1' }), /AuthorizationHeaderMalformed/)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 16 * 60_000 })
  assert.match(await get('/bucket/key'), /403 [\s\S]*RequestTimeTooSkewed/)
  t.mock.timers.reset()
  credentials.expiration = new Date(Date.now() - 1000).toISOString()
  assert.match(await get('/bucket/key'), /400 [\s\S]*ExpiredToken/)
})

test('S3 refuses a request that was changed after it was signed', {
  skip: needs('curl'),
}, async (t) => {
  const { s3, get } = await start(t)
  s3.objects.set('bucket/key', Buffer.from('secret'))
  const headers = await signedHeaders(get, s3)
  const ask = (changes: object) =>
    fetch(`${s3.url}/bucket/key`, { headers: { ...headers, ...changes } })
  assert.equal((await ask({})).status, 200)
  assert.equal((await ask({ 'X-Amz-Content-SHA256': hash('sha256', '') })).status, 403)
  assert.equal((await ask({ 'x-amz-meta-more': 'not signed' })).status, 403)
  assert.equal((await fetch(`${s3.url}/bucket/other`, { headers })).status, 403)
})

test('S3 answers 403 for a key that does not exist', { skip: needs('curl') }, async (t) => {
  const { get } = await start(t)
  assert.match(await get('/bucket/nothing'), /403 [\s\S]*AccessDenied/)
})

test('S3 follows a change of credentials', { skip: needs('curl') }, async (t) => {
  const { s3, credentials, get } = await start(t)
  s3.objects.set('bucket/key', Buffer.from('secret'))
  const old = { ...credentials }
  Object.assign(credentials, makeCredentials())
  assert.match(await get('/bucket/key', { as: old }), /403 /)
  assert.match(await get('/bucket/key'), /200 OK/)
})

test('S3 can fail, and be slow', { skip: needs('curl') }, async (t) => {
  const { s3, get } = await start(t)
  s3.objects.set('bucket/key', Buffer.alloc(1000))
  s3.failing = true
  assert.equal(await get('/bucket/key'), '')
  s3.failing = false
  s3.bytesPerSecond = 2000
  const startedAt = performance.now()
  assert.match(await get('/bucket/key'), /200 OK/)
  assert.ok(performance.now() - startedAt > 300)
  s3.bytesPerSecond = 0
  assert.equal(await get('/bucket/key', { args: ['--max-time', '1', '--output', '/dev/null'] }), '')
})

interface Ask {
  as?: Credentials
  headers?: string[]
  args?: string[]
  region?: string
}

async function start(t: TestContext) {
  const credentials = makeCredentials()
  const s3 = await startS3({ credentials, region })
  t.after(s3.close)
  return { s3, credentials, get }

  /** What curl gets, headers and all; it signs as the instance will. */
  function get(path: string, { as = credentials, headers = [], args = [], ...rest }: Ask = {}) {
    const content = 'X-Amz-Content-SHA256: UNSIGNED-PAYLOAD'
    const session = as.sessionToken === '' ? [] : [`X-Amz-Security-Token: ${as.sessionToken}`]
    const command = [
      ...['--silent', '--include', '--max-time', '10', ...args],
      ...['--aws-sigv4', `aws:amz:${rest.region ?? region}:s3`],
      ...['--user', `${as.accessKeyId}:${as.secretAccessKey}`],
      ...[content, ...session, ...headers].flatMap((header) => ['--header', header]),
      s3.url + path,
    ]
    return new Promise<string>((resolve) => {
      execFile('curl', command, (_error, stdout) => resolve(stdout))
    })
  }
}

/** The headers that curl signed a GET of `/bucket/key` with. */
async function signedHeaders(get: (path: string, ask: Ask) => Promise<string>, s3: FakeS3) {
  const answer = await get('/bucket/key', { args: ['--verbose', '--stderr', '-'] })
  const sent = [...answer.matchAll(/^> ([\w-]+): (.*)\r$/gm)].map(([, name, value]) => [
    name,
    value,
  ])
  assert.ok(sent.length > 3, answer)
  return { ...Object.fromEntries(sent), Host: new URL(s3.url).host } as Record<string, string>
}
