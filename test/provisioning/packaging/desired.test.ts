import assert from 'node:assert/strict'
import test from 'node:test'
import { desired } from '../../../provisioning/packaging/desired.ts'
import { readConfig } from '../../../server/config.ts'

const archives = { runtime: 'a'.repeat(64), release: 'b'.repeat(64) }

/** What the server reads, but the instance or pm2 sets by itself. */
const notForUsers = new Set([
  'ACME_DIR',
  'AWS_ACCESS_KEY_ID',
  'AWS_ENDPOINT_URL_DYNAMODB',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'BACKUPS_KEPT',
  'CANARY_TIMEOUT_MS',
  'DATA_DIR',
  'DEPLOY_STATE_FILE',
  'HOST',
  'JOURNAL_STREAM',
  'LISTEN_FDNAMES',
  'LISTEN_FDS',
  'METADATA_URL',
  'NODE_APP_INSTANCE',
  'OFFSITE_STATE_FILE',
  'PORT',
  'RELEASE_ID',
  'TLS_FILE',
  'TLS_PORT',
  'TMPDIR',
  'WRITE_TOKEN',
])

test('desired.json has both archives and every setting, empty for the default', () => {
  assert.deepEqual(JSON.parse(desired(archives)), {
    ...archives,
    environment: {
      WRITE_TOKEN_SHA256: '',
      OPEN_WRITES: '',
      TIME_ZONE: '',
      WRITES_PER_MINUTE: '60',
      READS_PER_MINUTE: '',
      WEB_CONCURRENCY: '',
      CONNECTION_LIMIT: '',
      KEEP_ALIVE_SECONDS: '',
      TRUSTED_PROXIES: '',
      DOMAIN: '',
      ACME_DIRECTORY: '',
      ACME_ROOT: '',
      OFFSITE_URL: '',
      OFFSITE_MINUTES: '',
      LOG_LEVEL: '',
    },
  })
})

test("desired.json has exactly the server's settings that the instance does not set itself", () => {
  const read = new Set<string>()
  const get = (_: unknown, name: string) => void read.add(name)
  const env = new Proxy<Record<string, string>>({}, { get })
  readConfig(env, '')
  const tables = { STORE: 'dynamodb', TABLE_PREFIX: 'onebox-dev', AWS_REGION: 'eu-west-1' }
  const { environment } = JSON.parse(desired({ ...archives, environment: tables }))
  const ours = [...read].filter((name) => !notForUsers.has(name))
  assert.deepEqual(Object.keys(environment).sort(), ours.sort())
})

test('desired.json does not depend on the order of the settings', () => {
  const hashes = `${'c'.repeat(64)},${'d'.repeat(64)}`
  const given = { TIME_ZONE: 'America/Port-au-Prince', WRITE_TOKEN_SHA256: hashes }
  const reverse = { WRITE_TOKEN_SHA256: hashes, TIME_ZONE: 'America/Port-au-Prince' }
  const text = desired({ ...archives, environment: { ...given, LOG_LEVEL: undefined } })
  assert.equal(text, desired({ ...archives, environment: reverse }))
  const { environment } = JSON.parse(text)
  assert.equal(environment.TIME_ZONE, 'America/Port-au-Prince')
  assert.equal(environment.WRITE_TOKEN_SHA256, hashes)
  assert.equal(environment.LOG_LEVEL, '')
  for (const [name, value] of Object.entries(environment)) {
    assert.match(name, /^[A-Z][A-Z0-9_]*$/)
    assert.match(value as string, /^[A-Za-z0-9_,./+:@=-]*$/)
  }
})

const refusals: [string, Record<string, string>, RegExp][] = [
  [
    'is unknown',
    { NODE_OPTIONS: '--inspect' },
    /^NODE_OPTIONS cannot be set on an instance: .*TIME/,
  ],
  ['is inherited', { toString: 'x' }, /^toString cannot be set on an instance/],
  ['holds a line break', { LOG_LEVEL: 'info\nPATH=/tmp' }, /^LOG_LEVEL must consist of/],
  ['holds a space', { WRITE_TOKEN_SHA256: 'a, b' }, /^WRITE_TOKEN_SHA256 must consist of/],
  ['would expand', { TIME_ZONE: '$HOME' }, /^TIME_ZONE must consist of .*got "\$HOME"/],
  ['is no time zone', { TIME_ZONE: 'Mars/Base' }, /^TIME_ZONE must be an IANA time zone/],
  [
    'is out of range',
    { WEB_CONCURRENCY: '65' },
    /^WEB_CONCURRENCY must be an integer from 1 to 64/,
  ],
  ['is no hash', { WRITE_TOKEN_SHA256: 'secret' }, /^WRITE_TOKEN_SHA256 must be 64 hexadecimal/],
]

for (const [fault, environment, message] of refusals) {
  test(`desired.json refuses a setting that ${fault}`, () => {
    assert.throws(() => desired({ ...archives, environment }), { message })
  })
}
