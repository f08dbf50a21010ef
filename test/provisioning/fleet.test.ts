import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import test from 'node:test'
import { unservedMinutes } from '../../provisioning/fleet/alarms.ts'
import { warmupSeconds } from '../../provisioning/fleet/group.ts'
import { readConfig } from '../../server/config.ts'
import { renderUserData } from '../../userdata/cloud-config.ts'
import { unknown } from '../support/engine.ts'
import type { Properties } from '../support/properties.ts'
import { readDocument } from './documents.ts'
import { fleetPromises, fleetUserDataOf, fleetWaivers } from './fleet-promises.ts'
import {
  desiredOf,
  madeToken,
  type Onebox,
  pipelineSubjects,
  publicKey,
  runOnebox,
  shortType,
  statementsOf,
} from './onebox.ts'
import { testPromises } from './promises.ts'
import { typeErrors } from './types.ts'

const everything = {
  machines: '3',
  domain: 'www.example.com',
  hostedZoneId: 'Z0123456789',
  sshPublicKey: publicKey,
  sshFrom: '198.51.100.7',
  sshEndpoint: 'true',
  alarmEmail: 'anna@example.com',
  monthlyBudgetUsd: '10',
  previewSubject: pipelineSubjects.preview,
  releaseSubject: pipelineSubjects.release,
}
const threeZones = {
  getInstanceTypeOfferings: { locations: ['a', 'b', 'c'].map((letter) => `eu-central-1${letter}`) },
}
const host = 'lb-1.eu-central-1.elb.amazonaws.com'
const plain = await runOnebox({ settings: { machines: '2' } })
const full = await runOnebox({ settings: everything, answers: threeZones })

test('stacks of several machines run without a warning', () => {
  for (const { exitCode, log } of [plain, full]) {
    assert.equal(exitCode, 0, log)
    assert.doesNotMatch(log, /warning|error/)
  }
})

testPromises(full, fleetPromises, fleetWaivers)

test('several machines have no data volume, Elastic IP, snapshots or bucket for backups', () => {
  const types = full.resources.map(shortType)
  for (const type of ['ebs.Volume', 'ec2.Eip', 'ec2.Instance', 'dlm.LifecyclePolicy'])
    assert.equal(types.includes(type), false, type)
  assert.deepEqual(
    full.all('s3.Bucket').map(({ name }) => name),
    ['releases'],
  )
})

test('two machines are in two zones, three in three', () => {
  assert.deepEqual(zonesOf(plain), ['eu-central-1a', 'eu-central-1b'])
  assert.deepEqual(zonesOf(full), ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'])
  for (const { one, all } of [plain, full]) {
    const ids = all('ec2.Subnet').map(({ type, name }) => `${type}-${name}`)
    assert.deepEqual(one('autoscaling.Group').inputs.vpcZoneIdentifiers, ids)
    assert.deepEqual(one('lb.LoadBalancer').inputs.subnets, ids)
    assert.equal(all('ec2.RouteTableAssociation').length, ids.length)
  }
})

test('a zone keeps its addresses when there are more zones', async () => {
  const locations = ['eu-central-1b', 'eu-central-1c']
  const answers = { getInstanceTypeOfferings: { locations } }
  const fewer = await runOnebox({ settings: { machines: '2' }, answers })
  const ofB = (stack: Onebox) => stack.one('ec2.Subnet', 'subnet-b').inputs
  assert.deepEqual(ofB(fewer), ofB(plain))
})

test('a type that only one zone offers stops the program with one line', async () => {
  const answers = { getInstanceTypeOfferings: { locations: ['eu-central-1b'] } }
  const { exitCode, log } = await runOnebox({ settings: { machines: '2' }, answers })
  assert.notEqual(exitCode, 0)
  assert.match(
    log,
    /^error: onebox:machines needs two zones, and eu-central-1 has t4g\.nano only in eu-central-1b: /m,
  )
})

test('the tables have the keys of the server, are paid by request, and state items expire', () => {
  const keysOf = (name: string) => {
    const { inputs } = plain.one('dynamodb.Table', name)
    assert.deepEqual([inputs.name, inputs.billingMode], [`onebox-dev-${name}`, 'PAY_PER_REQUEST'])
    const types = inputs.attributes.map(({ name, type }: Record<string, string>) => [name, type])
    return [inputs.hashKey, inputs.rangeKey, Object.fromEntries(types)]
  }
  assert.deepEqual(keysOf('movies'), ['year', 'title', { year: 'N', title: 'S' }])
  assert.deepEqual(keysOf('birthdays'), ['username', undefined, { username: 'S' }])
  assert.deepEqual(keysOf('state'), ['kind', 'id', { kind: 'S', id: 'S' }])
  const { ttl } = plain.one('dynamodb.Table', 'state').inputs
  assert.deepEqual(ttl, { attributeName: 'expires', enabled: true })
})

test('S3 and DynamoDB are reached through endpoints of the network', () => {
  for (const service of ['s3', 'dynamodb']) {
    const { inputs } = plain.one('ec2.VpcEndpoint', service)
    assert.equal(inputs.serviceName, `com.amazonaws.eu-central-1.${service}`)
    assert.equal(inputs.routeTableIds.length, 1)
  }
})

test('the servers use the tables, trust the load balancer, and leave HTTPS to it', () => {
  const { environment } = JSON.parse(desiredOf(plain))
  const { STORE, TABLE_PREFIX, AWS_REGION, TRUSTED_PROXIES, ACME_DIRECTORY } = environment
  assert.deepEqual([STORE, TABLE_PREFIX, AWS_REGION], ['dynamodb', 'onebox-dev', 'eu-central-1'])
  assert.deepEqual([TRUSTED_PROXIES, ACME_DIRECTORY], ['10.0.0.0/24', 'none'])
  assert.equal(plain.one('ec2.Vpc').inputs.cidrBlock, TRUSTED_PROXIES)
  assert.equal(environment.WRITE_TOKEN_SHA256, hash('sha256', madeToken))
  assert.equal(environment.OFFSITE_URL, '')
  assert.equal(JSON.parse(desiredOf(full)).environment.DOMAIN, 'www.example.com')
})

test('a server keeps idle connections longer than the load balancer does', async () => {
  const { idleTimeout } = plain.one('lb.LoadBalancer').inputs
  const seconds = (stack: Onebox) =>
    Number(JSON.parse(desiredOf(stack)).environment.KEEP_ALIVE_SECONDS)
  assert.ok(seconds(plain) > idleTimeout)
  const settings = { machines: '2', keepAliveSeconds: '300', trustedProxies: '192.0.2.0/24' }
  const longer = await runOnebox({ settings })
  assert.equal(seconds(longer), 300)
  const { TRUSTED_PROXIES } = JSON.parse(desiredOf(longer)).environment
  assert.equal(TRUSTED_PROXIES, '10.0.0.0/24,192.0.2.0/24')
})

test('a reload closes no idle connection before the load balancer does', () => {
  const { idleTimeout } = plain.one('lb.LoadBalancer').inputs
  const { KEEP_ALIVE_SECONDS } = JSON.parse(desiredOf(plain)).environment
  const { drainIdleMs, drainExtraMs } = readConfig({ KEEP_ALIVE_SECONDS }, '')
  assert.ok(drainIdleMs + drainExtraMs > idleTimeout * 1000)
})

test('a server that leaves the group may finish its requests, longer than its own drain', () => {
  const { deregistrationDelay } = plain.one('lb.TargetGroup').inputs
  const { drainTimeoutMs, requestTimeoutMs } = readConfig({}, '')
  assert.ok(deregistrationDelay * 1000 > drainTimeoutMs + 2000)
  assert.ok(deregistrationDelay * 1000 > requestTimeoutMs)
})

test('a release or a setting of the server replaces no machine', async () => {
  const settings = { machines: '2', timeZone: 'Europe/Berlin', writesPerMinute: '5' }
  const changed = await runOnebox({ settings })
  for (const type of ['ec2.LaunchTemplate', 'autoscaling.Group'])
    assert.deepEqual(changed.one(type).inputs, plain.one(type).inputs)
  assert.notEqual(desiredOf(changed), desiredOf(plain))
  assert.equal(fleetUserDataOf(plain).includes(plain.outputs.release), false)
})

test('user data is that of a machine without a data volume', () => {
  const { userData } = plain.one('ec2.LaunchTemplate').inputs
  const place = { bucket: 'onebox-dev-releases-1a2b3c4', region: 'eu-central-1' }
  assert.ok(Buffer.from(userData, 'base64').equals(renderUserData(place)))
})

test('changed machines are replaced one by one, and the first that does not serve stops that', () => {
  for (const [stack, percent] of [
    [plain, 150],
    [full, 134],
  ] as const) {
    const { instanceRefresh, instanceMaintenancePolicy, launchTemplate } =
      stack.one('autoscaling.Group').inputs
    const { minHealthyPercentage, maxHealthyPercentage, alarmSpecification, instanceWarmup } =
      instanceRefresh.preferences
    assert.deepEqual([minHealthyPercentage, maxHealthyPercentage], [100, percent])
    assert.deepEqual(instanceMaintenancePolicy, { minHealthyPercentage, maxHealthyPercentage })
    assert.deepEqual(alarmSpecification.alarms, ['onebox-dev-unserved-1a2b3c4'])
    assert.deepEqual(launchTemplate, { id: 'lt-1', version: '7' })
    assert.equal(Number(instanceWarmup), warmupSeconds)
  }
  const { inputs } = plain.one('cloudwatch.MetricAlarm', 'unserved')
  assert.equal(inputs.metricName, 'UnHealthyHostCount')
  assert.deepEqual(inputs.dimensions, { LoadBalancer: 'app/lb-1', TargetGroup: 'targetgroup/tg-1' })
  assert.equal(inputs.period * inputs.evaluationPeriods, unservedMinutes * 60)
  assert.ok(warmupSeconds > unservedMinutes * 60 + 120)
})

test('every machine boots from the newest Debian image, and is replaced within a week', () => {
  const { imageId } = plain.one('ec2.LaunchTemplate').inputs
  assert.equal(imageId, 'resolve:ssm:/aws/service/debian/release/13/latest/arm64')
  const { maxInstanceLifetime } = plain.one('autoscaling.Group').inputs
  assert.equal(maxInstanceLifetime, 7 * 24 * 3600)
  assert.match(fleetUserDataOf(plain), /Automatic-Reboot "false"/)
})

test('the group has as many machines as set, and under load at most twice as many', () => {
  const { minSize, maxSize, desiredCapacity } = plain.one('autoscaling.Group').inputs
  // A desired capacity would undo the scaling at every update.
  assert.deepEqual([minSize, maxSize, desiredCapacity], [2, 4, undefined])
  const { inputs } = plain.one('autoscaling.Policy')
  const { targetValue, predefinedMetricSpecification } = inputs.targetTrackingConfiguration
  assert.equal(predefinedMetricSpecification.predefinedMetricType, 'ASGAverageCPUUtilization')
  assert.equal(targetValue, 50)
  const { creditSpecification } = plain.one('ec2.LaunchTemplate').inputs
  assert.deepEqual(creditSpecification, { cpuCredits: 'unlimited' })
})

test('AWS does not replace machines because DynamoDB is away', () => {
  assert.equal(plain.one('autoscaling.Group').inputs.healthCheckType, 'EC2')
  assert.deepEqual(plain.one('autoscaling.Group').inputs.targetGroupArns, ['arn:tg-1'])
})

test('no release is tried before it may use the tables, and no machine boots without routes', () => {
  const { urn } = plain.one('iam.RolePolicy', 'tables')
  assert.ok(plain.one('s3.BucketObjectv2', 'desired').options.dependsOn.includes(urn))
  const { dependsOn } = plain.one('autoscaling.Group').options
  const needs = [
    urn,
    plain.one('iam.RolePolicy', 'releases').urn,
    plain.one('ec2.Route').urn,
    ...plain.all('ec2.RouteTableAssociation').map((one) => one.urn),
  ]
  for (const need of needs) assert.ok(dependsOn.includes(need), need)
  assert.ok(plain.one('lb.LoadBalancer').options.dependsOn.includes(plain.one('ec2.Route').urn))
})

test('without a domain the site is plain HTTP at the load balancer’s name', () => {
  const { inputs } = plain.one('lb.Listener')
  assert.deepEqual([inputs.port, inputs.protocol], [80, 'HTTP'])
  assert.deepEqual(inputs.defaultActions, [{ type: 'forward', targetGroupArn: 'arn:tg-1' }])
  assert.equal(plain.outputs.url, 'http://lb-1.eu-central-1.elb.amazonaws.com')
  const open = plain.all('vpc.SecurityGroupIngressRule').filter(({ inputs }) => inputs.cidrIpv4)
  assert.deepEqual(
    open.map(({ inputs }) => inputs.fromPort),
    [80],
  )
})

test('in a hosted zone the certificate proves itself, and the domain points to the load balancer', () => {
  const proof = full.one('route53.Record', 'validation').inputs
  assert.deepEqual(
    [proof.zoneId, proof.name, proof.type, proof.records],
    ['Z0123456789', '_a1.www.example.com.', 'CNAME', ['_b2.acm-validations.aws.']],
  )
  const { aliases, type, name } = full.one('route53.Record', 'domain').inputs
  assert.deepEqual([type, name], ['A', 'www.example.com'])
  const [alias] = aliases
  assert.deepEqual([alias.name, alias.zoneId], [host, 'Z-OF-LB-1'])
  assert.equal(full.outputs.url, 'https://www.example.com')
  assert.equal(full.one('acm.CertificateValidation').inputs.certificateArn, 'arn:cert-1')
  assert.ok(full.one('lb.Listener', 'https').inputs.certificateArn)
})

test('elsewhere the two records are printed, and Pulumi waits for the certificate', async () => {
  const settings = { machines: '2', domain: 'www.example.com' }
  const stack = await runOnebox({ settings })
  assert.deepEqual(stack.all('route53.Record'), [])
  assert.match(
    stack.log,
    /^info: www\.example\.com needs these records .*: _a1\.www\.example\.com\. 60 IN CNAME _b2\.acm-validations\.aws\. and www\.example\.com\. 60 IN CNAME lb-1\./m,
  )
  assert.ok(stack.one('acm.CertificateValidation'))
})

test('the check from outside asks the load balancer, by HTTPS with a domain', async () => {
  const { type, fqdn, port, resourcePath } = full.one('route53.HealthCheck', 'outside').inputs
  assert.deepEqual([type, fqdn, port], ['HTTPS', 'www.example.com', 443])
  assert.equal(resourcePath, '/healthz')
  const settings = { machines: '2', alarmEmail: 'anna@example.com' }
  const { inputs } = (await runOnebox({ settings })).one('route53.HealthCheck', 'outside')
  assert.deepEqual([inputs.type, inputs.fqdn, inputs.port], ['HTTP', host, 80])
})

test('the other alarms notice errors, and tables that refuse requests', () => {
  const errors = full.one('cloudwatch.MetricAlarm', 'errors').inputs
  assert.deepEqual([errors.threshold, errors.evaluationPeriods], [10, 2])
  assert.deepEqual(metricsOf(errors), [
    'HTTPCode_Target_5XX_Count {"LoadBalancer":"app/lb-1"}',
    'HTTPCode_ELB_5XX_Count {"LoadBalancer":"app/lb-1"}',
  ])
  const throttled = full.one('cloudwatch.MetricAlarm', 'throttled').inputs
  assert.deepEqual(
    metricsOf(throttled),
    ['movies', 'birthdays', 'state'].flatMap((table) =>
      ['Read', 'Write'].map((kind) => `${kind}ThrottleEvents {"TableName":"onebox-dev-${table}"}`),
    ),
  )
  for (const { metricQueries } of [errors, throttled]) {
    const sum = metricQueries.at(-1)
    const terms = metricQueries.slice(0, -1).map(({ id }: { id: string }) => `FILL(${id}, 0)`)
    assert.deepEqual([sum.expression, sum.returnData], [terms.join(' + '), true])
  }
})

test('the pipeline’s roles of several machines are those of one, for their own bucket', () => {
  const read = ['ec2:DescribeInstances', 's3:GetObject', 'ssm:GetParameter']
  const actionsOf = (role: string) =>
    statementsOf(full, `pipeline-${role}`).flatMap(({ Action }) => Action as string[])
  for (const action of read) assert.ok(actionsOf('preview').includes(action), action)
  assert.ok(actionsOf('release').includes('s3:PutObject'))
  const writes = /^(autoscaling|elasticloadbalancing|dynamodb|iam|acm):/
  for (const role of ['preview', 'release'])
    assert.deepEqual(
      actionsOf(role).filter((action) => writes.test(action)),
      [],
    )
})

test('SSH is open to the networks of sshFrom, at each machine', () => {
  assert.deepEqual([plain.outputs.ssh, full.outputs.ssh], ['closed', 'npx onebox ssh --stack dev'])
})

test('the outputs are complete', () => {
  const { release, runtime } = JSON.parse(desiredOf(plain))
  assert.deepEqual(plain.outputs, {
    alarmTopics: [],
    balancer: host,
    bucket: 'onebox-dev-releases-1a2b3c4',
    desired: hash('sha256', desiredOf(plain)),
    domain: '',
    group: 'onebox-dev-servers-1a2b3c4',
    instanceId: '',
    ip: '',
    machines: 2,
    pipelineRoles: {},
    region: 'eu-central-1',
    release,
    runtime,
    ssh: 'closed',
    sshEndpoint: '',
    tablePrefix: 'onebox-dev',
    targetGroup: 'arn:tg-1',
    url: `http://${host}`,
    volumeId: '',
    writeToken: madeToken,
  })
})

test('a preview of a new stack succeeds without guessing unknown values', async () => {
  const preview = await runOnebox({ preview: true, settings: everything, answers: threeZones })
  assert.equal(preview.exitCode, 0, preview.log)
  assert.doesNotMatch(preview.log, /warning|error/)
  const urns = ({ resources }: Onebox) => resources.map(({ urn }) => urn).sort()
  assert.deepEqual(urns(preview), urns(full))
  assert.equal(preview.one('ec2.LaunchTemplate').inputs.userData, unknown)
})

test('every input is in its resource’s type', () => {
  const template = full.one('ec2.LaunchTemplate')
  const metadataOptions = { httpToken: 'required' }
  const misspelt = { ...template, inputs: { ...template.inputs, metadataOptions } }
  const [first, ...others] = typeErrors([...plain.resources, ...full.resources, misspelt])
  assert.match(first as string, /httpToken/)
  assert.deepEqual(others, [])
})

test('docs/several-machines.md matches the program (UPDATE_DOCUMENTS=1 rewrites it)', () => {
  const page = 'several-machines.md'
  const security = { promises: fleetPromises, waivers: fleetWaivers }
  const { text, expected, names } = readDocument(page, plain, full, security)
  assert.deepEqual(names, ['tree', 'optional', 'promises', 'waivers'])
  assert.equal(text, expected)
})

function metricsOf({ metricQueries }: Onebox['resources'][number]['inputs']): string[] {
  return metricQueries.slice(0, -1).map((query: { metric: Properties }) => {
    const { metricName, dimensions, stat, period } = query.metric
    assert.deepEqual([stat, period], ['Sum', 300])
    return `${metricName} ${JSON.stringify(dimensions)}`
  })
}

function zonesOf({ all }: Onebox): string[] {
  return all('ec2.Subnet').map(({ inputs }) => inputs.availabilityZone)
}
