import assert from 'node:assert/strict'
import test, { after, beforeEach } from 'node:test'
import { findCreated } from '../../scripts/stack/aws/created.ts'
import { startAws } from '../support/aws-api.ts'

const aws = await startAws({ after })
Object.assign(process.env, aws.env)

const place = { region: 'eu-central-1', profile: undefined }
const ours = '-00000000000000001'
const theirs = '-00000000000000002'
const tags = { Project: 'onebox', Stack: 'dev', Name: 'onebox-dev-it' }

/** As if a stack of the same name had it, in this account. */
function add(type: string, id: string, inputs: Record<string, string> = {}) {
  const resource = { type, id, name: 'it', inputs: { tags, ...inputs }, outputs: {} }
  aws.resources.set(`${type} ${id}`, { ...resource, at: new Date() })
}

beforeEach(() => {
  aws.resources.clear()
  aws.instances = []
  Object.assign(aws, { lagMs: 0, throttled: 0 })
})

const links: [type: string, prefix: string, link: string][] = [
  ['aws:ec2/subnet:Subnet', 'subnet', 'vpcId'],
  ['aws:ec2/securityGroup:SecurityGroup', 'sg', 'vpcId'],
  ['aws:ec2/internetGateway:InternetGateway', 'igw', 'vpcId'],
  ['aws:ec2/routeTable:RouteTable', 'rtb', 'vpcId'],
  ['aws:ec2/vpcEndpoint:VpcEndpoint', 'vpce', 'vpcId'],
  ['aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule', 'sgr', 'securityGroupId'],
  ['aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule', 'sgr', 'securityGroupId'],
]

for (const [type, prefix, link] of links) {
  test(`a ${type} is found in the stack's own network only`, async () => {
    add(type, prefix + ours, { [link]: 'ours' })
    add(type, prefix + theirs, { [link]: 'theirs' })
    assert.deepEqual(await findCreated(place, type, { tags, [link]: 'ours' }), [prefix + ours])
  })
}

test('a launch template is found by its name, which no other stack has', async () => {
  const type = 'aws:ec2/launchTemplate:LaunchTemplate'
  add(type, `lt${ours}`, { name: 'ours' })
  add(type, `lt${theirs}`, { name: 'theirs' })
  assert.deepEqual(await findCreated(place, type, { tags, name: 'ours' }), [`lt${ours}`])
})

test("an instance is found in the stack's own subnet, unless it is terminated", async () => {
  const type = 'aws:ec2/instance:Instance'
  const more = { type: 't4g.nano', imageId: 'ami-0', volumeIds: [], ip: '' }
  for (const [id, subnetId] of [
    [`i${ours}`, 'ours'],
    [`i${theirs}`, 'theirs'],
  ] as const) {
    add(type, id, { subnetId })
    aws.instances.push({ id, state: 'running', ...more })
  }
  assert.deepEqual(await findCreated(place, type, { tags, subnetId: 'ours' }), [`i${ours}`])
  Object.assign(aws.instances[0] ?? {}, { state: 'terminated' })
  assert.deepEqual(await findCreated(place, type, { tags, subnetId: 'ours' }), [])
})

test('a volume, an address and a VPC are found only while nothing uses them', async () => {
  const volume = 'aws:ebs/volume:Volume'
  const address = 'aws:ec2/eip:Eip'
  const vpc = 'aws:ec2/vpc:Vpc'
  for (const id of [ours, theirs]) {
    add(volume, `vol${id}`)
    add(address, `eipalloc${id}`)
    add(vpc, `vpc${id}`)
  }
  const type = 't4g.nano'
  const volumeIds = [`vol${theirs}`]
  aws.addresses.set(`eipalloc${theirs}`, '203.0.113.9')
  const ip = '203.0.113.9'
  aws.instances.push({ id: 'i-0', state: 'running', type, imageId: 'ami-0', volumeIds, ip })
  add('aws:ec2/subnet:Subnet', `subnet${theirs}`, { vpcId: `vpc${theirs}` })
  assert.deepEqual(await findCreated(place, volume, { tags }), [`vol${ours}`])
  assert.deepEqual(await findCreated(place, address, { tags }), [`eipalloc${ours}`])
  assert.deepEqual(await findCreated(place, vpc, { tags }), [`vpc${ours}`])
})

test('requests that AWS throttles are repeated; what it does not list yet is not found', async () => {
  const type = 'aws:ec2/eip:Eip'
  add(type, `eipalloc${ours}`)
  aws.throttled = 2
  assert.deepEqual(await findCreated(place, type, { tags }), [`eipalloc${ours}`])
  aws.lagMs = 60_000
  assert.deepEqual(await findCreated(place, type, { tags }), [])
})
