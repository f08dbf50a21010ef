import assert from 'node:assert/strict'
import { basename } from 'node:path'
import test, { type TestContext } from 'node:test'
import { readConfig } from '../../../server/config.ts'
import { prepareTables, tablesOf } from '../../../server/dynamodb/tables.ts'
import { openStores } from '../../../server/stores/open.ts'
import { connect, needsDynoxide, patient, startDynoxide } from '../../support/dynoxide.ts'
import { type Fault, startEngineProxy } from '../../support/engine-proxy.ts'
import { makeDataDir } from '../../support/server.ts'

const skip = needsDynoxide
const short = { ...patient, callTimeoutMs: 1000, tryTimeoutMs: 1000 }
const engine = skip ? '' : await startDynoxide()

function open(env: Record<string, string>, timeouts = patient) {
  const dataDir = makeDataDir()
  const given = { STORE: 'dynamodb', TABLE_PREFIX: basename(dataDir), DATA_DIR: dataDir, ...env }
  return openStores({ ...readConfig(given, dataDir), ...timeouts })
}

/** Opens the stores through a proxy with that fault in calls of this operation. */
async function openWith(t: TestContext, operation: string, fault: Fault) {
  const proxy = await startEngineProxy(t, engine)
  proxy.fault = (call) => (call.operation === operation ? fault : undefined)
  return open({ AWS_ENDPOINT_URL_DYNAMODB: proxy.url })
}

const refusals: [setting: Record<string, string>, line: RegExp][] = [
  [{}, /^AWS_REGION is required with STORE=dynamodb: set the region of the tables$/],
  [{ AWS_REGION: 'Ireland' }, /^AWS_REGION must be an AWS region, got "Ireland": for example/],
  [{ STORE: 'dynamo' }, /^STORE must be sqlite or dynamodb, got "dynamo": use one of them$/],
  [{ TABLE_PREFIX: 'my tables' }, /^TABLE_PREFIX must be letters, digits, dots and hyphens, got/],
  [
    { AWS_ENDPOINT_URL_DYNAMODB: 'http://192.0.2.1:8000' },
    /^AWS_ENDPOINT_URL_DYNAMODB must be an http URL on this machine, got/,
  ],
]

test('an invalid setting is refused with one line', () => {
  for (const [setting, line] of refusals) {
    assert.throws(() => readConfig({ STORE: 'dynamodb', ...setting }, '/'), { message: line })
  }
})

test('credentials of the environment come before those of the role', () => {
  const env = { STORE: 'dynamodb', AWS_REGION: 'eu-west-1' }
  const keys = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 't' }
  assert.equal(readConfig(env, '/').dynamodb?.credentials, undefined)
  assert.deepEqual(readConfig({ ...env, ...keys }, '/').dynamodb?.credentials, {
    accessKeyId: 'AKIA',
    secretAccessKey: 's',
    sessionToken: 't',
  })
  assert.equal(readConfig(env, '/').dynamodb?.endpoint, 'https://dynamodb.eu-west-1.amazonaws.com')
})

test('an emulator gets the tables that it lacks, from several workers at once', {
  skip,
}, async () => {
  const env = { AWS_ENDPOINT_URL_DYNAMODB: engine, TABLE_PREFIX: 'at-once' }
  const opened = await Promise.all([open(env), open(env), open(env)])
  const values = await Promise.all(opened.map(({ savedStrings }) => savedStrings.current()))
  assert.equal(new Set(values.map(({ version }) => version)).size, 1)
  assert.equal(values[0]?.value, 'dynamic string')
  for (const { close } of opened) await close()
})

test('a table with another key stops the start', { skip }, async (t) => {
  const client = connect(engine)
  t.after(() => client.close())
  await client.call('CreateTable', {
    TableName: 'other-movies',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'year', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'year', KeyType: 'HASH' }],
  })
  const message = `The table other-movies in ${engine} has the key year (S) instead of year (N), title (S): set another TABLE_PREFIX`
  const env = { AWS_ENDPOINT_URL_DYNAMODB: engine, TABLE_PREFIX: 'other' }
  await assert.rejects(open(env), { message })
})

test('a missing table stops the start on AWS, which is told apart by its region', {
  skip,
}, async (t) => {
  const client = connect(engine)
  t.after(() => client.close())
  const where = { where: 'eu-west-1', mayCreate: false }
  const message =
    /^DynamoDB has no table none-\w+ in eu-west-1: run npx onebox up, or set TABLE_PREFIX or AWS_REGION$/
  await assert.rejects(prepareTables(client, tablesOf('none'), where), { message })
})

test('missing rights stop the start, naming the table', { skip }, async (t) => {
  const answer = { status: 400, code: 'AccessDeniedException' }
  for (const operation of ['DescribeTable', 'GetItem', 'PutItem']) {
    const message =
      /^No rights to the table \S+-(movies|birthdays|state) in http:\S+: grant them \(.*\)$/
    await assert.rejects(openWith(t, operation, { answer }), { message }, operation)
  }
})

test('credentials that AWS does not know stop the start', { skip }, async (t) => {
  const answer = { status: 400, code: 'UnrecognizedClientException' }
  const message = /^AWS refuses the credentials: set others, or leave them out \(/
  await assert.rejects(openWith(t, 'DescribeTable', { answer }), { message })
})

test('an engine that is not there stops the start with its address', async () => {
  const env = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' }
  const message =
    /^DynamoDB \(http:\/\/127\.0\.0\.1:1\) does not answer: .*ECONNREFUSED.*; start it, or try again$/
  await assert.rejects(open(env, short), { message })
})

test('a role without credentials stops the start and says so', async () => {
  const env = { AWS_REGION: 'eu-west-1', METADATA_URL: 'http://127.0.0.1:1' }
  const message =
    /^DynamoDB \(eu-west-1\) does not answer: no credentials: .*; start it, or try again$/
  await assert.rejects(open(env, short), { message })
})
