import assert from 'node:assert/strict'
import test from 'node:test'
import { nameLimit, readConfig, settings } from '../../provisioning/config.ts'
import { documentedSettings } from './documents.ts'
import { publicKey } from './onebox.ts'

function read(
  values: Record<string, string> = {},
  { stack = 'dev', secrets = ['writeToken'] } = {},
) {
  const own = Object.entries(values).map(([name, value]) => [`onebox:${name}`, value])
  return readConfig({
    project: 'onebox',
    stack,
    values: { 'aws:region': 'eu-central-1', ...Object.fromEntries(own) },
    secrets: secrets.map((name) => `onebox:${name}`),
  })
}

test('only the region is required', () => {
  assert.deepEqual(read(), {
    project: 'onebox',
    stack: 'dev',
    name: 'onebox-dev',
    region: 'eu-central-1',
    machines: 1,
    architecture: 'arm64',
    instanceType: 't4g.nano',
    availabilityZone: '',
    sshPublicKey: '',
    sshFrom: [],
    sshEndpoint: false,
    volumeSizeGiB: 8,
    backupMinutes: 15,
    backupRegion: '',
    restoreSnapshotId: '',
    release: '',
    openWrites: false,
    writeToken: '',
    writesPerMinute: 60,
    readsPerMinute: 0,
    timeZone: 'UTC',
    webConcurrency: 0,
    logLevel: 'info',
    keepAliveSeconds: 5,
    trustedProxies: [],
    domain: '',
    hostedZoneId: '',
    acmeDirectory: '',
    acmeRoot: '',
    alarmEmail: '',
    monthlyBudgetUsd: 0,
    previewSubject: '',
    releaseSubject: '',
    infrastructureSubject: '',
    githubProviderArn: '',
    stateBucket: '',
  })
})

test('the instance type follows the architecture, unless it is set', () => {
  assert.equal(read({ architecture: 'x64' }).instanceType, 't3.nano')
  assert.equal(read({ architecture: 'x64', instanceType: 'm7i.large' }).instanceType, 'm7i.large')
})

test('a public key loses its comment, and an address becomes a network of one', () => {
  assert.equal(read({ sshPublicKey: `${publicKey} anna@laptop\n` }).sshPublicKey, publicKey)
  const sshFrom = '198.51.100.7, 10.0.0.0/8,198.51.100.7/32'
  assert.deepEqual(read({ sshFrom, sshPublicKey: publicKey }).sshFrom, [
    '198.51.100.7/32',
    '10.0.0.0/8',
  ])
})

const refused: [name: string, value: string, message: RegExp][] = [
  [
    'machines',
    '0',
    /must be an integer from 1 to 10, got "0": pulumi config set onebox:machines 1$/,
  ],
  ['architecture', 'x86_64', /must be arm64 or x64, got "x86_64": pulumi config set onebox:arch/],
  ['architecture', '', /must be arm64 or x64, got ""/],
  ['instanceType', 'nano', /must be an EC2 instance type, got "nano": .* t4g\.micro$/],
  ['availabilityZone', 'b', /must be an availability zone, got "b": .* eu-central-1b$/],
  ['availabilityZone', 'eu-central-1-ham-1a', /must be an availability zone/],
  ['availabilityZone', 'eu-west-1b', /must be in eu-central-1, got eu-west-1b: .* eu-central-1b$/],
  [
    'sshPublicKey',
    'ecdsa-sha2-nistp256 AAAAE2Vj',
    /must be the text of a public key, ed25519 or RSA: /,
  ],
  ['sshFrom', '0.0.0.0/0', /must be IPv4 .*, got "0\.0\.0\.0\/0": .* 198\.51\.100\.7\/32$/],
  ['sshFrom', '0.0.0.0/1', /must be IPv4/],
  ['sshFrom', '::/0', /must be IPv4/],
  ['sshFrom', '2001:db8::1', /must be IPv4/],
  ['sshFrom', '198.51.100.7/24', /must be IPv4 .* without host bits/],
  ['sshFrom', '198.51.100.7/33', /must be IPv4/],
  ['sshFrom', 'everyone', /must be IPv4/],
  ['keepAliveSeconds', '0', /must be an integer from 1 to 3600, got "0"/],
  ['domain', 'Example.com', /must be a domain name in lower case, got "Example\.com": .*www\.ex/],
  ['domain', '203.0.113.10', /must be a domain name/],
  ['hostedZoneId', 'example.com', /must be the id of a Route 53 hosted zone, got "example\.com"/],
  [
    'acmeDirectory',
    'http://ca.example',
    /must be an https URL or none, got "http:\/\/ca\.example"/,
  ],
  ['acmeRoot', '-----BEGIN', /must be a certificate in Base64 on one line, got "-----BEGIN"/],
  ['trustedProxies', '10.0.0.0/8,proxy', /must be addresses, .*, got "10\.0\.0\.0\/8,proxy"/],
  [
    'trustedProxies',
    '0.0.0.0/0',
    /must be addresses, or networks of \/8 or smaller, .* 10\.0\.0\.0\/16$/,
  ],
  ['volumeSizeGiB', '0', /must be an integer from 1 to 16384, got "0": .* 8$/],
  ['volumeSizeGiB', '8 GB', /must be an integer/],
  ['volumeSizeGiB', '1e3', /must be an integer/],
  ['backupMinutes', '1', /must be an integer from 5 to 1440, got "1"/],
  ['backupRegion', 'Ireland', /must be an AWS region, got "Ireland": .* eu-west-1$/],
  ['restoreSnapshotId', 'latest', /must be an EBS snapshot id, got "latest"/],
  ['release', 'v1.2.3', /must be a release id, 64 hexadecimal digits, got "v1\.2\.3"/],
  ['openWrites', 'yes', /must be true or false, got "yes"/],
  ['sshEndpoint', 'eice-1', /must be true or false, got "eice-1"/],
  ['readsPerMinute', '1.5', /must be an integer from 0 to 1000000, got "1.5"/],
  ['writeToken', 'short', /must be 16 to 200 ASCII characters without spaces or commas: .*openssl/],
  ['writeToken', 'correct horse battery', /must be 16 to 200 ASCII/],
  ['writesPerMinute', '-1', /must be an integer from 0 to 1000000, got "-1"/],
  ['timeZone', 'Berlin', /must be an IANA time zone, got "Berlin": .* Europe\/Berlin$/],
  ['timeZone', '+02:00', /must be an IANA time zone/],
  ['webConcurrency', '65', /must be an integer from 0 to 64/],
  ['logLevel', 'debug', /must be info or error, got "debug"/],
  ['alarmEmail', 'anna', /must be one e-mail address, got "anna"/],
  ['alarmEmail', 'a@b.example,c@d.example', /must be one e-mail address/],
  ['monthlyBudgetUsd', '9.99', /must be an integer/],
  [
    'previewSubject',
    '*',
    /must be the full subject of .* run, without \* or \?, got "\*": .* repo:you@.*:pull_request$/,
  ],
  ['releaseSubject', 'repo:you@1234/onebox@5678:*', /must be the full subject/],
  [
    'infrastructureSubject',
    'you/onebox',
    /must be the full subject .* repo:you@\S+:environment:dev$/,
  ],
  [
    'githubProviderArn',
    'arn:aws:iam::123456789012:oidc-provider/example.com',
    /must be the ARN of the account's identity provider for GitHub/,
  ],
  [
    'stateBucket',
    's3://my-state',
    /must be an S3 bucket name, got "s3:\/\/my-state": .* my-state$/,
  ],
]

for (const [name, value, message] of refused) {
  test(`${name} ${JSON.stringify(value)} is rejected with the rule and the cure`, () => {
    assert.throws(() => read({ [name]: value }), { message })
    assert.throws(() => read({ [name]: value }), {
      message: new RegExp(`^onebox:${name} must .*: pulumi config set onebox:${name} .+$`),
    })
  })
}

test('every setting has a rejected value above', () => {
  assert.deepEqual(new Set(refused.map(([name]) => name)), new Set(Object.keys(settings)))
})

test('every complete example in a cure is valid', () => {
  for (const [name, { example }] of Object.entries(settings)) {
    if (/[…"']/.test(example)) continue
    const alongside = { sshPublicKey: publicKey, alarmEmail: 'anna@example.com' }
    const value = example.replace('--secret ', '')
    assert.doesNotThrow(() => read({ ...alongside, [name]: value }), name)
  }
})

test('the error for a bad secret does not repeat it', () => {
  for (const name of ['writeToken', 'sshPublicKey']) {
    const hide = (error: Error) => !error.message.includes('horse')
    assert.throws(() => read({ [name]: 'correct horse' }), hide)
  }
})

test('a write token that is not stored as a secret is rejected', () => {
  const writeToken = 'correcthorsebattery'
  const message = /^onebox:writeToken must be stored as a secret, and is not: set a new one: pulumi/
  assert.throws(() => read({ writeToken }, { secrets: [] }), { message })
  assert.equal(read({ writeToken }).writeToken, writeToken)
})

test('contradictory settings are rejected', () => {
  const contradictions: [Record<string, string>, RegExp][] = [
    [{ sshFrom: '198.51.100.7' }, /^onebox:sshPublicKey must be set when sshFrom is: ssh-keygen/],
    [
      { openWrites: 'true', writeToken: 'correcthorsebattery' },
      /^onebox:openWrites must not be true when writeToken is set: pulumi config rm/,
    ],
    [{ backupRegion: 'eu-central-1' }, /^onebox:backupRegion must not be eu-central-1, where /],
    [{ monthlyBudgetUsd: '10' }, /^onebox:monthlyBudgetUsd needs an alarmEmail: pulumi config/],
  ]
  for (const [values, message] of contradictions) assert.throws(() => read(values), { message })
})

test('settings of one machine are rejected with several, rather than ignored', () => {
  const values = {
    availabilityZone: 'eu-central-1b',
    volumeSizeGiB: '20',
    backupMinutes: '30',
    backupRegion: 'eu-west-1',
    restoreSnapshotId: 'snap-0123456789abcdef0',
    acmeDirectory: 'none',
    acmeRoot: 'MIIB',
    infrastructureSubject: 'repo:you@1234/onebox@5678:environment:dev',
  }
  for (const [name, value] of Object.entries(values)) {
    const message = `onebox:${name} is for one machine, and machines is 2: pulumi config rm onebox:${name}`
    assert.throws(() => read({ machines: '2', [name]: value }), { message })
    assert.doesNotThrow(() => read({ [name]: value }))
  }
})

test('a stack of several machines must have a name that AWS allows for a load balancer', () => {
  const message =
    /^The stack's name must not end with a hyphen, .* got "wide-": pulumi stack rename/
  assert.throws(() => read({ machines: '2' }, { stack: 'wide-' }), { message })
  assert.doesNotThrow(() => read({}, { stack: 'wide-' }))
})

test('an unknown setting is rejected, because a misspelt one would do nothing', () => {
  const message =
    /^onebox:sshfrom is not a setting \(machines, architecture, .*\): pulumi config rm onebox:sshfrom$/
  assert.throws(() => read({ sshfrom: '198.51.100.7' }), { message })
})

test('the stack must have a region, and a name that a bucket can have', () => {
  const stack = { project: 'onebox', stack: 'dev', values: {}, secrets: [] }
  const region = /^aws:region must be set, .*: pulumi config set aws:region eu-central-1$/
  assert.throws(() => readConfig(stack), { message: region })
  for (const stack of ['Dev', 'my_stack', 'a'.repeat(26)]) {
    assert.throws(() => read({}, { stack }), { message: /^The stack's name must be lower-case/ })
  }
  assert.equal(read({}, { stack: 'a'.repeat(25) }).name.length, nameLimit)
})

test('regions outside the standard partition are rejected', () => {
  for (const region of ['cn-north-1', 'us-gov-west-1', 'us-iso-east-1', 'eusc-de-east-1']) {
    const stack = { project: 'onebox', stack: 'dev', values: { 'aws:region': region }, secrets: [] }
    const message = new RegExp(
      `^onebox does not run in .* \\(${region}\\): choose a region such as`,
    )
    assert.throws(() => readConfig(stack), { message })
  }
})

test('Pulumi.yaml has exactly these settings, with their defaults and descriptions', () => {
  const types = { string: 'string', integer: 'number', boolean: 'boolean' } as const
  const documented = documentedSettings()
  assert.deepEqual(
    documented.map(({ name, byDefault }) => [name, byDefault]),
    Object.entries(settings).map(([name, { byDefault }]) => [name, byDefault]),
  )
  for (const { name, type, byDefault, description } of documented) {
    assert.equal(typeof byDefault, types[type as keyof typeof types], name)
    assert.match(description, /^[A-Za-z].{20,}\.$/, name)
    // In YAML these would begin a comment or another key.
    assert.doesNotMatch(description, / #|: /, name)
  }
})
