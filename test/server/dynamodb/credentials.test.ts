import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { RoleCredentials } from '../../../server/aws/credentials.ts'
import { DynamoClient } from '../../../server/dynamodb/client.ts'
import { needsDynoxide, patient, startDynoxide } from '../../support/dynoxide.ts'
import { startEngineProxy } from '../../support/engine-proxy.ts'
import { startMetadata } from '../../support/metadata.ts'
import { makeCredentials } from '../../support/sigv4.ts'

const skip = needsDynoxide
const engine = skip ? '' : await startDynoxide()

/** A client with the credentials of a role, and an engine that takes only its present ones. */
async function start(t: TestContext, expiresInMs: number) {
  const credentials = makeCredentials()
  const metadata = await startMetadata({ credentials })
  const proxy = await startEngineProxy(t, engine)
  proxy.fault = ({ headers }) => {
    const isCurrent =
      headers.authorization?.includes(`Credential=${credentials.accessKeyId}/`) &&
      headers['x-amz-security-token'] === credentials.sessionToken
    return isCurrent ? undefined : { answer: { status: 400, code: 'ExpiredTokenException' } }
  }
  const source = new RoleCredentials(metadata.url)
  const client = new DynamoClient({
    ...{ ...patient, endpoint: proxy.url, region: 'eu-west-1' },
    credentials: source,
  })
  t.after(() => {
    client.close()
    return metadata.close()
  })
  rotate()
  const reads = () =>
    metadata.requests.filter((request) => request.includes(metadata.instance.role)).length
  return { rotate, reads, metadata, list: () => client.call('ListTables', {}) }

  function rotate() {
    const expiration = new Date(Date.now() + expiresInMs).toISOString()
    Object.assign(credentials, makeCredentials(), { expiration })
  }
}

test('credentials that AWS no longer takes are replaced, and no call fails', {
  skip,
}, async (t) => {
  const { rotate, reads, list } = await start(t, 6 * 3_600_000)
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(Array.from({ length: 50 }, list))
    rotate()
  }
  await Promise.all(Array.from({ length: 50 }, list))
  assert.equal(reads(), 4)
})

test('credentials are renewed before they expire, while calls go on with the old ones', {
  skip,
}, async (t) => {
  const { reads, list } = await start(t, 30_000)
  await list()
  assert.equal(reads(), 1)
  await delay(1100)
  await Promise.all(Array.from({ length: 20 }, list))
  await delay(100)
  await list()
  assert.equal(reads(), 2)
})

test('valid credentials outlast a metadata service that is away', { skip }, async (t) => {
  const { metadata, list } = await start(t, 30_000)
  await list()
  metadata.failing = true
  await delay(1100)
  await list()
  await delay(100)
  await list()
})

test('credentials that come too late end the call, without a warning of Node', {
  skip,
}, async (t) => {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  t.after(() => process.off('warning', note))
  const keys = { accessKeyId: 'local', secretAccessKey: 'local', sessionToken: '' }
  const late = { get: () => delay(50, keys), renew: async () => false }
  const short = { callTimeoutMs: 20, tryTimeoutMs: 20 }
  const proxy = await startEngineProxy(t, engine)
  proxy.fault = () => ({ before: 'silence' })
  const options = { ...short, endpoint: proxy.url, region: 'eu-west-1', credentials: late }
  const client = new DynamoClient(options)
  t.after(() => client.close())
  await assert.rejects(client.call('ListTables', {}), { status: 503 })
  await delay(10)
  assert.deepEqual(warnings, [])
})
