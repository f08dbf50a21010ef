import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import test from 'node:test'
import { nameLimit } from '../../provisioning/config.ts'
import { renderUserData } from '../../userdata/cloud-config.ts'
import { type Resource, unknown } from '../support/engine.ts'
import { readDocument } from './documents.ts'
import {
  desiredOf,
  diskKey,
  madeToken,
  type Onebox,
  pipelineSubjects,
  publicKey,
  runOnebox,
  shortType,
  statementsOf,
  uploadsOf,
  userDataOf,
  type Wish,
} from './onebox.ts'
import { promises, testPromises, waivers } from './promises.ts'
import { typeErrors } from './types.ts'

const everything = {
  sshPublicKey: publicKey,
  sshFrom: '198.51.100.7, 10.0.0.0/8',
  sshEndpoint: 'true',
  alarmEmail: 'anna@example.com',
  monthlyBudgetUsd: '10',
  previewSubject: pipelineSubjects.preview,
  releaseSubject: pipelineSubjects.release,
  infrastructureSubject: pipelineSubjects.infrastructure,
  stateBucket: 'my-state',
  backupRegion: 'eu-west-1',
}
const plain = await runOnebox()
const full = await runOnebox({ settings: everything })

const restoreSnapshotId = 'snap-0123456789abcdef0'
const writeToken = 'correct-horse-battery-staple'
const named = { bucket: 'my-bucket', volumeId: 'vol-0fedcba9876543210', region: 'eu-west-2' }
const custom = await runOnebox({
  ...named,
  settings: {
    restoreSnapshotId,
    volumeSizeGiB: '20',
    writeToken,
    webConcurrency: '1',
    timeZone: 'Europe/Berlin',
    logLevel: 'error',
  },
})

const x64Type = { supportedArchitectures: ['x86_64'], ebsNvmeSupport: 'required' }
const other = await runOnebox({
  region: 'us-east-1',
  settings: {
    architecture: 'x64',
    instanceType: 'm7i.large',
    openWrites: 'true',
    alarmEmail: 'anna@example.com',
  },
  answers: { getInstanceType: { ...x64Type, burstablePerformanceSupported: false } },
})

test('every stack runs without a warning', () => {
  for (const { exitCode, log } of [plain, full, custom, other]) {
    assert.equal(exitCode, 0, log)
    assert.doesNotMatch(log, /warning|error/)
  }
})

testPromises(full, promises, waivers)

test('the longest stack name leaves role names within IAM’s 64 characters', () => {
  const ends = full.all('iam.Role').map(({ name }) => `-${name}-1a2b3c4`)
  assert.ok(ends.length >= 5)
  for (const end of ends) assert.ok(nameLimit + end.length <= 64, end)
})

test('without SSH settings port 22 is closed and there is no key pair', () => {
  const ports = plain.all('vpc.SecurityGroupIngressRule').map(({ inputs }) => inputs.fromPort)
  assert.deepEqual(ports, [80, 443])
  assert.deepEqual(plain.all('ec2.KeyPair'), [])
  assert.equal(plain.one('ec2.Instance').inputs.keyName, undefined)
  assert.equal(plain.outputs.ssh, 'closed')
  assert.equal(full.one('ec2.KeyPair').inputs.publicKey, publicKey)
  assert.equal(full.one('ec2.Instance').inputs.keyName, 'onebox-dev-admin-1a2b3c4')
  assert.equal(full.outputs.ssh, 'ssh admin@203.0.113.10')
})

test('the endpoint for SSH is in the subnet, without a second one during a change', () => {
  assert.deepEqual(plain.all('ec2transitgateway.InstanceConnectEndpoint'), [])
  assert.equal(plain.outputs.sshEndpoint, '')
  const { inputs, options } = full.one('ec2transitgateway.InstanceConnectEndpoint')
  assert.equal(inputs.subnetId, full.one('ec2.Instance').inputs.subnetId)
  // Security groups can only name the endpoint's own address.
  assert.equal(inputs.preserveClientIp, false)
  assert.equal(options.deleteBeforeReplace, true)
  assert.match(full.outputs.sshEndpoint, /InstanceConnectEndpoint-ssh$/)
})

test('the data volume leaves a final snapshot, with an hour to make it', () => {
  const { inputs, options } = plain.one('ebs.Volume')
  assert.equal(inputs.finalSnapshot, true)
  assert.equal(options.deleteTimeout, '60m')
  assert.deepEqual([options.protect, options.retainOnDelete], [false, false])
  assert.deepEqual([inputs.type, inputs.size], ['gp3', 8])
})

test('a snapshot to restore is ignored once the volume exists', () => {
  const { inputs, options } = custom.one('ebs.Volume')
  assert.deepEqual([inputs.snapshotId, inputs.size], [restoreSnapshotId, 20])
  assert.deepEqual(options.ignoreChanges, ['snapshotId', 'availabilityZone'])
  assert.equal(plain.one('ebs.Volume').inputs.snapshotId, undefined)
})

test('daily snapshots are of the data volume alone, and seven are kept', () => {
  const { policyDetails, executionRoleArn } = plain.one('dlm.LifecyclePolicy').inputs
  const { Name } = plain.one('ebs.Volume').inputs.tags
  assert.deepEqual([policyDetails.resourceTypes, policyDetails.targetTags], [['VOLUME'], { Name }])
  const [schedule, ...others] = policyDetails.schedules
  assert.deepEqual(others, [])
  assert.deepEqual([schedule.createRule.interval, schedule.retainRule.count], [24, 7])
  assert.equal(schedule.copyTags, true)
  assert.equal(executionRoleArn, 'arn:aws:aws:iam/role:Role:snapshots')
  const named = plain.resources.filter(({ inputs }) => inputs.tags?.Name === Name)
  assert.deepEqual(named.map(shortType), ['ebs.Volume'])
})

test('the role for daily snapshots can use the volume’s key, and no other', () => {
  const statements = statementsOf(plain, 'snapshots')
  assert.deepEqual(new Set(statements.map(({ Resource }) => Resource)), new Set([diskKey]))
  const grant = statements.find(({ Action }) => Action.includes('kms:CreateGrant'))
  assert.deepEqual(grant?.Condition, { Bool: { 'kms:GrantIsForAWSResource': 'true' } })
  assert.equal(plain.one('iam.RolePolicy', 'snapshots').inputs.role, 'onebox-dev-snapshots-1a2b3c4')
})

test('a new instance boots before the old one stops; then the volume and the address move', () => {
  const { urn, inputs, options } = plain.one('ec2.Instance')
  const attachment = plain.one('ec2.VolumeAttachment')
  const association = plain.one('ec2.EipAssociation')
  const route = plain.one('ec2.Route')
  assert.equal(inputs.userDataReplaceOnChange, true)
  assert.equal(options.deleteBeforeReplace, false)
  assert.equal(attachment.options.deleteBeforeReplace, true)
  assert.equal(attachment.inputs.stopInstanceBeforeDetaching, true)
  assert.ok(attachment.options.dependsOn.includes(urn))
  assert.equal(association.options.deleteBeforeReplace, true)
  assert.ok(association.options.dependsOn.includes(attachment.urn))
  // AWS rejects an address in a network without an internet gateway.
  assert.ok(association.options.dependsOn.includes(route.urn))
  assert.ok(plain.one('ec2.Eip').options.dependsOn.includes(route.urn))
})

test('neither a newer Debian nor another order of zones replaces the instance', () => {
  assert.deepEqual(plain.one('ec2.Instance').options.ignoreChanges, ['ami'])
  assert.deepEqual(plain.one('ebs.Volume').options.ignoreChanges, [
    'snapshotId',
    'availabilityZone',
  ])
  assert.deepEqual(zonesOf(plain), ['eu-central-1a', 'eu-central-1a'])
})

test('a new volume is in the configured zone, and the network in the volume’s', async () => {
  const settings = { availabilityZone: 'eu-central-1b' }
  assert.deepEqual(zonesOf(await runOnebox({ settings })), ['eu-central-1b', 'eu-central-1b'])
  const moved = await runOnebox({ settings, volumeZone: 'eu-central-1a' })
  assert.equal(moved.one('ec2.Subnet').inputs.availabilityZone, 'eu-central-1a')
})

test('another architecture replaces the instance, although changes of its image are ignored', () => {
  assert.equal(plain.one('ec2.Instance').name, 'server-arm64')
  assert.equal(other.one('ec2.Instance').name, 'server-x64')
  assert.notDeepEqual(keysOf(uploadsOf(other)), keysOf(uploadsOf(plain)))
})

test('a burstable instance does not cost more when it is busy', () => {
  const { creditSpecification } = plain.one('ec2.Instance').inputs
  assert.deepEqual(creditSpecification, { cpuCredits: 'standard' })
  assert.equal(other.one('ec2.Instance').inputs.creditSpecification, undefined)
})

test('user data names the bucket, the region and the volume, in at most 16 KB', () => {
  const expected = renderUserData(named)
  assert.ok(userDataOf(custom).equals(expected))
  assert.ok(expected.length <= 16 * 1024)
})

test('archives are named by their hash, and stay in the bucket when others replace them', () => {
  const uploads = uploadsOf(plain)
  assert.deepEqual([...uploads.keys()].map((key) => key.split('/')[0]).sort(), [
    'releases',
    'runtimes',
  ])
  for (const [key, path] of uploads) {
    assert.equal(basename(key), `${hash('sha256', readFileSync(path))}.tar.zst`)
  }
  for (const kind of ['release', 'runtime']) {
    const { options } = plain.one('s3.BucketObjectv2', kind)
    assert.equal(options.retainOnDelete, true)
    for (const type of ['s3.BucketVersioning', 's3.BucketPublicAccessBlock']) {
      assert.ok(options.dependsOn.includes(plain.one(type, 'releases').urn), type)
    }
  }
  assert.equal(plain.one('s3.Bucket', 'releases').inputs.forceDestroy, true)
})

test('desired.json names the archives and is uploaded after them', () => {
  const { inputs, options } = plain.one('s3.BucketObjectv2', 'desired')
  const { runtime, release, environment } = JSON.parse(inputs.content)
  const keys = [`releases/${release}.tar.zst`, `runtimes/${runtime}.tar.zst`]
  assert.equal(inputs.key, 'desired.json')
  assert.deepEqual(keysOf(uploadsOf(plain)), keys)
  for (const kind of ['release', 'runtime']) {
    assert.ok(options.dependsOn.includes(plain.one('s3.BucketObjectv2', kind).urn), kind)
  }
  assert.deepEqual(environment, {
    WRITE_TOKEN_SHA256: hash('sha256', madeToken),
    OPEN_WRITES: 'false',
    TIME_ZONE: 'UTC',
    WRITES_PER_MINUTE: '60',
    READS_PER_MINUTE: '0',
    WEB_CONCURRENCY: '',
    CONNECTION_LIMIT: '',
    KEEP_ALIVE_SECONDS: '5',
    TRUSTED_PROXIES: '',
    DOMAIN: '',
    ACME_DIRECTORY: '',
    ACME_ROOT: '',
    OFFSITE_URL: 'https://onebox-dev-backups-1a2b3c4.s3.eu-central-1.amazonaws.com',
    OFFSITE_MINUTES: '15',
    LOG_LEVEL: 'info',
  })
})

test('the outputs are complete', () => {
  const desired = desiredOf(plain)
  const { runtime, release } = JSON.parse(desired)
  assert.deepEqual(plain.outputs, {
    alarmTopics: [],
    backupBucket: 'onebox-dev-backups-1a2b3c4',
    bucket: 'onebox-dev-releases-1a2b3c4',
    desired: hash('sha256', desired),
    domain: '',
    instanceId: 'i-0123456789abcdef0',
    ip: '203.0.113.10',
    pipelineRoles: {},
    region: 'eu-central-1',
    release,
    runtime,
    ssh: 'closed',
    sshEndpoint: '',
    url: 'http://203.0.113.10',
    volumeId: 'vol-0123456789abcdef0',
    writeToken: madeToken,
  })
})

test('only the hash of a configured token is stored', () => {
  const { environment } = JSON.parse(desiredOf(custom))
  assert.equal(environment.WRITE_TOKEN_SHA256, hash('sha256', writeToken))
  assert.deepEqual(custom.all('RandomPassword'), [])
  assert.deepEqual([custom.outputs.writeToken, custom.secretOutputs], [writeToken, ['writeToken']])
  assert.equal(JSON.stringify(custom.resources).includes(writeToken), false)
})

test('settings reach the server’s environment', () => {
  const { environment } = JSON.parse(desiredOf(custom))
  assert.equal(environment.WEB_CONCURRENCY, '1')
  assert.equal(environment.TIME_ZONE, 'Europe/Berlin')
  assert.equal(environment.LOG_LEVEL, 'error')
})

test('open writes have no token', () => {
  const { environment } = JSON.parse(desiredOf(other))
  assert.deepEqual([environment.OPEN_WRITES, environment.WRITE_TOKEN_SHA256], ['true', ''])
  assert.equal(other.outputs.writeToken, '')
  assert.deepEqual(other.all('RandomPassword'), [])
})

test('a preview of a new stack succeeds without guessing unknown values', async () => {
  const preview = await runOnebox({ preview: true, settings: everything })
  assert.equal(preview.exitCode, 0, preview.log)
  assert.doesNotMatch(preview.log, /warning|error/)
  assert.deepEqual(namesOf(preview.resources), namesOf(full.resources))
  assert.equal(desiredOf(preview), unknown)
  assert.equal(preview.one('ec2.Instance').inputs.userDataBase64, unknown)
  assert.equal(preview.outputs.release, full.outputs.release)
  for (const output of ['ip', 'url', 'desired', 'bucket', 'volumeId', 'instanceId', 'writeToken']) {
    assert.ok([unknown, undefined].includes(preview.outputs[output]), output)
  }
})

test('two stacks differ only in their names', async () => {
  const prod = await runOnebox({ stack: 'prod', settings: everything })
  const renamed = JSON.stringify(sorted(prod.resources)).replaceAll(/\bprod\b/g, 'dev')
  const twins: Resource[] = JSON.parse(renamed)
  assert.deepEqual(namesOf(twins), namesOf(full.resources))
  for (const [index, resource] of sorted(full.resources).entries()) {
    assert.deepEqual(twins[index], resource)
  }
})

test('Pulumi chooses every name on AWS, so stacks cannot collide', () => {
  const given = full.resources.flatMap(({ inputs }) =>
    ['name', 'namePrefix', 'bucket', 'keyName', 'policyName'].filter((key) => key in inputs),
  )
  const references = ['bucket', 'keyName']
  assert.deepEqual(
    given.filter((key) => !references.includes(key)),
    [],
  )
  assert.equal(full.one('s3.Bucket', 'releases').inputs.bucket, undefined)
  assert.equal(full.one('ec2.KeyPair').inputs.keyName, undefined)
})

test('every taggable resource has tags for project, stack and name', () => {
  for (const resource of full.resources.filter(isTaggable)) {
    const Name = `onebox-dev-${resource.name}`
    const tags = { Name, Project: 'onebox', Stack: 'dev', ManagedBy: 'Pulumi' }
    assert.deepEqual(resource.inputs.tags, tags, resource.urn)
  }
  const { tags } = full.one('ec2.Instance').inputs.rootBlockDevice
  assert.deepEqual([tags.Name, tags.Stack], ['onebox-dev-root', 'dev'])
})

test('alarms and budget exist only with an address', () => {
  const alarmTypes = /^(cloudwatch|sns|route53|budgets)\./
  const quiet = plain.resources.map(shortType).filter((type) => alarmTypes.test(type))
  assert.deepEqual(quiet, [])
  for (const { inputs } of full.all('sns.TopicSubscription')) {
    assert.deepEqual([inputs.protocol, inputs.endpoint], ['email', 'anna@example.com'])
  }
  const { limitAmount, notifications } = full.one('budgets.Budget').inputs
  assert.equal(limitAmount, '10')
  assert.deepEqual(notifications[0].subscriberEmailAddresses, ['anna@example.com'])
  assert.deepEqual(other.all('budgets.Budget'), [])
})

test('AWS recovers an instance from failed hardware, and reboots one that hangs', () => {
  for (const [remedy, metric] of [
    ['recover', 'StatusCheckFailed_System'],
    ['reboot', 'StatusCheckFailed_Instance'],
  ]) {
    const { inputs } = full.one('cloudwatch.MetricAlarm', remedy)
    assert.equal(inputs.metricName, metric)
    assert.equal(inputs.alarmActions[1], `arn:aws:automate:eu-central-1:ec2:${remedy}`)
    assert.deepEqual(inputs.dimensions, { InstanceId: 'i-0123456789abcdef0' })
  }
})

test('the check from outside requests the address itself, and reports in Route 53’s region', () => {
  const { ipAddress, port, resourcePath } = full.one('route53.HealthCheck', 'outside').inputs
  assert.deepEqual([ipAddress, port, resourcePath], ['203.0.113.10', 80, '/healthz'])
  const { inputs } = full.one('cloudwatch.MetricAlarm', 'outside')
  const topic = full.one('sns.Topic', 'outside')
  assert.deepEqual([inputs.region, topic.inputs.region], ['us-east-1', 'us-east-1'])
  assert.deepEqual(inputs.alarmActions, ['arn:aws:aws:sns/topic:Topic:outside'])
  assert.deepEqual(full.outputs.alarmTopics, [
    'arn:aws:aws:sns/topic:Topic:alarms',
    'arn:aws:aws:sns/topic:Topic:outside',
  ])
  // A stack in that region needs only one topic.
  assert.deepEqual(other.outputs.alarmTopics, ['arn:aws:aws:sns/topic:Topic:alarms'])
})

test('a certificate that is not renewed is mailed about, over plain HTTP and after an hour', () => {
  const { ipAddress, port, resourcePath } = full.one('route53.HealthCheck', 'certificate').inputs
  assert.deepEqual([ipAddress, port, resourcePath], ['203.0.113.10', 80, '/healthz/certificate'])
  const { inputs } = full.one('cloudwatch.MetricAlarm', 'certificate')
  assert.deepEqual([inputs.region, inputs.evaluationPeriods], ['us-east-1', 60])
})

test('overdue backups and restore drills are mailed about, also if nothing reports them', () => {
  const { ipAddress, port, resourcePath } = full.one('route53.HealthCheck', 'backups').inputs
  assert.deepEqual([ipAddress, port, resourcePath], ['203.0.113.10', 80, '/healthz/backups'])
  const { inputs } = full.one('cloudwatch.MetricAlarm', 'backups')
  assert.deepEqual([inputs.treatMissingData, inputs.evaluationPeriods], ['breaching', 60])
  assert.deepEqual(inputs.alarmActions, ['arn:aws:aws:sns/topic:Topic:outside'])
})

test('the domain gets a record only in a hosted zone, and the instance knows it', async () => {
  assert.deepEqual(plain.all('route53.Record'), [])
  const settings = { domain: 'www.example.com', hostedZoneId: 'Z0123456789' }
  const run = await runOnebox({ settings })
  const { zoneId, name, type, records } = run.one('route53.Record').inputs
  assert.deepEqual([zoneId, name, type], ['Z0123456789', 'www.example.com', 'A'])
  assert.deepEqual(records, ['203.0.113.10'])
  assert.equal(run.outputs.domain, 'www.example.com')
  const { content } = run.one('s3.BucketObjectv2', 'desired').inputs
  assert.equal(JSON.parse(content).environment.DOMAIN, 'www.example.com')
})

test('CPU credits are watched on burstable types only', () => {
  assert.ok(full.one('cloudwatch.MetricAlarm', 'credits'))
  const alarms = other.all('cloudwatch.MetricAlarm').map(({ name }) => name)
  assert.deepEqual(alarms.sort(), [
    'attention',
    'backups',
    'certificate',
    'outside',
    'reboot',
    'recover',
  ])
})

test('an earlier release is deployed by its id, without uploading this folder’s', async () => {
  const release = hash('sha256', 'earlier')
  const answers = { getObjects: { keys: [`releases/${release}.tar.zst`] } }
  const stack = await runOnebox({ settings: { release }, answers })
  assert.equal(JSON.parse(desiredOf(stack)).release, release)
  assert.equal(stack.outputs.release, release)
  assert.deepEqual(
    [...uploadsOf(stack).keys()].map((key) => key.split('/')[0]),
    ['runtimes'],
  )
})

const failures: [what: string, wish: Wish, message: RegExp][] = [
  [
    'a release that the bucket does not have',
    { settings: { release: 'f'.repeat(64) }, answers: { getObjects: { keys: [] } } },
    /onebox:release f{64} is not in the bucket: pulumi config rm onebox:release, or choose one from/,
  ],
  [
    'a type of the other architecture',
    { settings: { instanceType: 't3.nano' }, answers: { getInstanceType: x64Type } },
    /^error: onebox:instanceType t3\.nano must have an arm64 CPU: .* onebox:architecture x64$/m,
  ],
  [
    'a zone that does not offer the type',
    { settings: { availabilityZone: 'eu-central-1c' } },
    / onebox:instanceType t4g\.nano is not available in eu-central-1c, only in eu-central-1a, eu-central-1b: choose another type or, for a new volume, pulumi config set onebox:availabilityZone eu-central-1a$/m,
  ],
  [
    'a type that the volume’s zone does not offer, though the configured zone does',
    { settings: { availabilityZone: 'eu-central-1b' }, volumeZone: 'eu-central-1c' },
    / onebox:instanceType t4g\.nano is not available in eu-central-1c, only in /m,
  ],
  [
    'an invalid setting',
    { settings: { logLevel: 'loud' } },
    /^error: onebox:logLevel must be info or error, got "loud": pulumi config set onebox:logLevel/,
  ],
]

for (const [what, wish, message] of failures) {
  test(`${what} stops the program with one line`, async () => {
    const { exitCode, log, outputs } = await runOnebox(wish)
    assert.notEqual(exitCode, 0)
    assert.match(log, message)
    assert.doesNotMatch(log, /\n\s+at /)
    assert.deepEqual(outputs, {})
  })
}

test('every input is in its resource’s type', () => {
  const misspelt = { ...full.one('s3.Bucket', 'releases'), inputs: { forceDestory: true } }
  const instance = full.one('ec2.Instance')
  const metadataOptions = { httpToken: 'required' }
  const nested = { ...instance, inputs: { ...instance.inputs, metadataOptions } }
  const sent = [full, plain, custom, other].flatMap(({ resources }) => resources)
  const [first, second, ...others] = typeErrors([...sent, misspelt, nested])
  assert.match(first as string, /forceDestory/)
  assert.match(second as string, /httpToken/)
  assert.deepEqual(others, [])
})

test('docs/provisioning.md matches the program (UPDATE_DOCUMENTS=1 rewrites it)', () => {
  const page = 'provisioning.md'
  const { text, expected, names } = readDocument(page, plain, full, { promises, waivers })
  assert.deepEqual(names, ['settings', 'tree', 'optional', 'promises', 'waivers'])
  assert.equal(text, expected)
})

function isTaggable({ type }: Resource): boolean {
  const [provider, file] = type.split(':')
  if (provider !== 'aws') return false
  const path = resolve(import.meta.dirname, `../../node_modules/@pulumi/aws/${file}.d.ts`)
  const [, args = ''] = readFileSync(path, 'utf8').split(/^export interface \w+Args \{$/m)
  return /^ {4}tags\?:/m.test(args)
}

function zonesOf({ one }: Onebox): string[] {
  return [one('ebs.Volume'), one('ec2.Subnet')].map(({ inputs }) => inputs.availabilityZone)
}

function keysOf(uploads: Map<string, string>): string[] {
  return [...uploads.keys()].sort()
}

/** Their order depends on the timing of requests. */
function sorted(resources: Resource[]): Resource[] {
  return resources.toSorted((one, other) => one.urn.localeCompare(other.urn))
}

function namesOf(resources: Resource[]): string[] {
  return sorted(resources).map(({ urn }) => urn)
}
