import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { type MetadataOptions, startMetadata } from '../support/metadata.ts'
import { makeCredentials } from '../support/sigv4.ts'

test('the metadata service answers nothing without a token', async (t) => {
  const { metadata } = await start(t)
  for (const token of ['', 'guessed']) {
    const headers = { 'x-aws-ec2-metadata-token': token }
    const response = await fetch(`${metadata.url}/latest/meta-data/`, { headers })
    assert.equal(response.status, 401)
  }
})

test('the metadata service returns tokens only for a PUT with a time to live', async (t) => {
  const { metadata } = await start(t)
  const ask = (method: string, headers: Record<string, string>) =>
    fetch(`${metadata.url}/latest/api/token`, { method, headers })
  assert.equal((await ask('GET', {})).status, 405)
  assert.equal((await ask('PUT', {})).status, 400)
  const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' }
  assert.equal((await ask('PUT', { ...headers, 'x-forwarded-for': '192.0.2.1' })).status, 403)
  assert.equal((await ask('PUT', headers)).status, 200)
})

test('the metadata service lists the facts of the instance, folder by folder', async (t) => {
  const { get } = await start(t, { instance: { instanceId: 'i-0abc', region: 'eu-north-1' } })
  assert.match(await get('meta-data/'), /^iam\/$/m)
  assert.equal(await get('meta-data/instance-id'), 'i-0abc')
  assert.equal(await get('meta-data/placement/region'), 'eu-north-1')
  assert.equal(JSON.parse(await get('dynamic/instance-identity/document')).instanceId, 'i-0abc')
  assert.equal(await get('meta-data/nothing'), '404')
})

test('the metadata service returns the newest credentials of the role', async (t) => {
  const { credentials, get } = await start(t)
  const role = await get('meta-data/iam/security-credentials/')
  Object.assign(credentials, makeCredentials())
  const given = JSON.parse(await get(`meta-data/iam/security-credentials/${role}`))
  assert.equal(given.AccessKeyId, credentials.accessKeyId)
  assert.equal(given.SecretAccessKey, credentials.secretAccessKey)
  assert.equal(given.Token, credentials.sessionToken)
  assert.equal(given.Expiration, credentials.expiration)
})

test('the metadata service returns user data byte for byte, and the public key', async (t) => {
  const userData = Uint8Array.of(0x1f, 0x8b, 0, 0xff)
  const { metadata, getBytes, get } = await start(t, { userData, publicKey: 'ssh-ed25519 AAAA me' })
  assert.deepEqual(await getBytes('user-data'), userData)
  assert.equal(await get('meta-data/public-keys/'), '0=onebox')
  assert.equal(await get('meta-data/public-keys/0/openssh-key'), 'ssh-ed25519 AAAA me')
  metadata.userData = undefined
  assert.equal(await get('user-data'), '404')
})

test('the metadata service can fail', async (t) => {
  const { metadata, get } = await start(t)
  metadata.failing = true
  await assert.rejects(get('meta-data/'), /fetch failed/)
  metadata.failing = false
  assert.match(await get('meta-data/'), /instance-id/)
})

async function start(t: TestContext, options: Partial<MetadataOptions> = {}) {
  const credentials = makeCredentials()
  const metadata = await startMetadata({ credentials, ...options })
  t.after(metadata.close)
  return { metadata, credentials, get, getBytes }

  async function get(path: string): Promise<string> {
    const response = await ask(path)
    return response.ok ? response.text() : String(response.status)
  }

  async function getBytes(path: string) {
    return new Uint8Array(await (await ask(path)).arrayBuffer())
  }

  async function ask(path: string) {
    const token = await fetch(`${metadata.url}/latest/api/token`, {
      method: 'PUT',
      headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
    })
    const headers = { 'x-aws-ec2-metadata-token': await token.text() }
    return fetch(`${metadata.url}/latest/${path}`, { headers })
  }
}
