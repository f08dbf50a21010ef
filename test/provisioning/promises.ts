import assert from 'node:assert/strict'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Resource } from '../support/engine.ts'
import {
  desiredOf,
  madeToken,
  type Onebox,
  pipelineSubjects,
  statementsOf,
  userDataOf,
} from './onebox.ts'

export interface SecurityPromise {
  sentence: string
  /** What Checkov and the CIS AWS Foundations Benchmark 5.0.0 call it. */
  rules: string[]
  /** Fails if it is broken, for a stack with everything enabled. */
  check: (stack: Onebox) => void
}

const world = '0.0.0.0/0'
const buckets = ['releases', 'backups', 'backups-copy']

/** Of one machine and of several. */
export const defaultGroupIsClosed: SecurityPromise = {
  sentence: 'The network’s default security group allows nothing',
  rules: ['CKV2_AWS_12', 'CIS 5.5'],
  check: ({ one }) => {
    const { ingress, egress, vpcId } = one('ec2.DefaultSecurityGroup').inputs
    assert.deepEqual([ingress, egress, vpcId], [[], [], idOf(one('ec2.Vpc'))])
  },
}

export const promises: SecurityPromise[] = [
  {
    sentence: 'The world reaches ports 80 and 443, and nothing else',
    rules: ['CKV_AWS_25', 'CKV_AWS_277'],
    check: ({ all }) => {
      const open = all('vpc.SecurityGroupIngressRule').filter(({ inputs }) => isWorld(inputs))
      assert.deepEqual(open.map(portsOf).sort(), ['tcp 443-443', 'tcp 80-80'])
      assert.deepEqual(all('ec2.SecurityGroupRule'), [])
    },
  },
  {
    sentence: 'Port 22 is open to the networks of sshFrom and to the endpoint, by default to none',
    rules: ['CKV_AWS_24'],
    check: ({ all, one }) => {
      const rules = all('vpc.SecurityGroupIngressRule').filter((rule) => !isWorld(rule.inputs))
      const open = rules.map((rule) => [portsOf(rule), sourceOf(rule)])
      assert.deepEqual(open, [
        ['tcp 22-22', '198.51.100.7/32'],
        ['tcp 22-22', '10.0.0.0/8'],
        ['tcp 22-22', idOf(one('ec2.SecurityGroup', 'ssh-endpoint'))],
      ])
    },
  },
  {
    sentence:
      'The server reaches out to ports 80 and 443, the endpoint to port 22 of the server, and nothing else',
    rules: ['CKV_AWS_382'],
    check: ({ all, one }) => {
      const [server, endpoint] = ['server', 'ssh-endpoint'].map((name) =>
        idOf(one('ec2.SecurityGroup', name)),
      )
      const rules = all('vpc.SecurityGroupEgressRule').map((rule) => {
        const { securityGroupId, referencedSecurityGroupId } = rule.inputs
        return [securityGroupId, portsOf(rule), referencedSecurityGroupId].join(' ').trim()
      })
      assert.deepEqual(rules.sort(), [
        `${server} tcp 443-443`,
        `${server} tcp 80-80`,
        `${endpoint} tcp 22-22 ${server}`,
      ])
    },
  },
  {
    sentence:
      'Every rule has a description and belongs to the one group of the instance or endpoint',
    rules: ['CKV_AWS_23', 'CKV2_AWS_5'],
    check: ({ all, one }) => {
      const groups = ['server', 'ssh-endpoint'].map((name) => one('ec2.SecurityGroup', name))
      const endpoint = one('ec2transitgateway.InstanceConnectEndpoint')
      const users = [
        one('ec2.Instance').inputs.vpcSecurityGroupIds,
        endpoint.inputs.securityGroupIds,
      ]
      assert.deepEqual(users.flat(), groups.map(idOf))
      for (const { inputs } of groups)
        assert.deepEqual([inputs.ingress, inputs.egress], [undefined, undefined])
      const kinds = ['vpc.SecurityGroupIngressRule', 'vpc.SecurityGroupEgressRule']
      for (const { name, inputs } of kinds.flatMap(all)) {
        assert.ok(groups.map(idOf).includes(inputs.securityGroupId), name)
        assert.match(inputs.description, /^\w+ (from|to) /, name)
      }
    },
  },
  defaultGroupIsClosed,
  {
    sentence: 'The instance’s Elastic IP is the only public address',
    rules: ['CKV_AWS_130', 'CKV2_AWS_19'],
    check: ({ one }) => {
      assert.equal(one('ec2.Subnet').inputs.mapPublicIpOnLaunch, false)
      // As false, the Elastic IP would have every preview replace the instance.
      assert.equal('associatePublicIpAddress' in one('ec2.Instance').inputs, false)
      const { allocationId, instanceId } = one('ec2.EipAssociation').inputs
      assert.deepEqual([allocationId, instanceId], ['eipalloc-1', 'i-0123456789abcdef0'])
    },
  },
  {
    sentence: 'The metadata service requires a token, and answers only on the instance',
    rules: ['CKV_AWS_79', 'CIS 5.7'],
    check: ({ one }) => {
      const { httpTokens, httpPutResponseHopLimit } = one('ec2.Instance').inputs.metadataOptions
      assert.deepEqual([httpTokens, httpPutResponseHopLimit], ['required', 1])
    },
  },
  {
    sentence: 'Both disks of the instance are encrypted',
    rules: ['CKV_AWS_3', 'CKV_AWS_8', 'CKV2_AWS_2'],
    check: ({ one }) => {
      assert.equal(one('ec2.Instance').inputs.rootBlockDevice.encrypted, true)
      assert.equal(one('ec2.Instance').inputs.ebsBlockDevices, undefined)
      assert.equal(one('ebs.Volume').inputs.encrypted, true)
    },
  },
  {
    sentence: 'The instance’s disks have bandwidth of their own, apart from the network',
    rules: ['CKV_AWS_135'],
    check: ({ one }) => assert.equal(one('ec2.Instance').inputs.ebsOptimized, true),
  },
  {
    sentence: 'No secret is in user data, desired.json, plain outputs or the log',
    rules: ['CKV_AWS_46'],
    check: (stack) => {
      const { writeToken, ...others } = stack.outputs
      assert.equal(writeToken, madeToken)
      assert.deepEqual(stack.secretOutputs, ['writeToken'])
      const userData = gunzipSync(userDataOf(stack)).toString()
      const open = [userData, desiredOf(stack), JSON.stringify(others), stack.log]
      for (const text of open) assert.equal(text.includes(madeToken), false)
      // It is only in the state, marked as a secret.
      const inputs = stack.resources.map((resource) => JSON.stringify(resource.inputs))
      assert.equal(inputs.join().includes(madeToken), false)
    },
  },
  {
    sentence:
      'The instance can read only desired.json, releases, runtimes and backups, add backups, and only from its network',
    rules: ['CKV_AWS_62', 'CKV_AWS_63', 'CKV_AWS_355', 'CKV2_AWS_41'],
    check: ({ one, all }) => {
      const bucket = 'arn:aws:s3:::onebox-dev-releases-1a2b3c4'
      const backups = 'arn:aws:s3:::onebox-dev-backups-1a2b3c4'
      const fromHere = { StringEquals: { 'aws:SourceVpce': 'vpce-1' } }
      const { policy, role } = one('iam.RolePolicy', 'server').inputs
      assert.deepEqual(policy, {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: 's3:GetObject',
            Resource: [
              `${bucket}/desired.json`,
              `${bucket}/releases/*`,
              `${bucket}/runtimes/*`,
              `${backups}/*`,
            ],
            Condition: fromHere,
          },
          { Effect: 'Allow', Action: 's3:ListBucket', Resource: backups, Condition: fromHere },
          {
            Effect: 'Allow',
            Action: 's3:PutObject',
            Resource: `${backups}/*`,
            Condition: { ...fromHere, Null: { 's3:if-none-match': 'false' } },
          },
        ],
      })
      const profile = one('iam.InstanceProfile').inputs
      assert.equal(profile.role, role)
      assert.ok(one('ec2.Instance').inputs.iamInstanceProfile)
      const others = all('iam.RolePolicyAttachment').filter(({ inputs }) => inputs.role === role)
      assert.deepEqual(others, [])
    },
  },
  {
    sentence: 'Each role can be assumed only by the service it is for',
    rules: ['CKV_AWS_60', 'CKV_AWS_61'],
    check: ({ all }) => {
      const roles = all('iam.Role').filter(({ name }) => !name.startsWith('pipeline-'))
      const takers = roles.map(({ name, inputs }) => {
        const [{ Principal, Action }, ...more] = inputs.assumeRolePolicy.Statement
        assert.deepEqual([more, Action], [[], 'sts:AssumeRole'])
        return [name, Principal]
      })
      assert.deepEqual(Object.fromEntries(takers), {
        server: { Service: 'ec2.amazonaws.com' },
        snapshots: { Service: 'dlm.amazonaws.com' },
        'backups-copy': { Service: 's3.amazonaws.com' },
      })
    },
  },
  {
    sentence: 'Each pipeline role can be assumed only by the workflow runs of one subject',
    rules: ['CKV_AWS_358'],
    check: ({ one }) => {
      const { inputs } = one('iam.OpenIdConnectProvider')
      assert.equal(inputs.url, 'https://token.actions.githubusercontent.com')
      assert.deepEqual(inputs.clientIdLists, ['sts.amazonaws.com'])
      for (const [name, subject] of Object.entries(pipelineSubjects)) {
        const { assumeRolePolicy } = one('iam.Role', `pipeline-${name}`).inputs
        const [{ Principal, Action, Condition }, ...others] = assumeRolePolicy.Statement
        assert.deepEqual([others, Action], [[], 'sts:AssumeRoleWithWebIdentity'])
        assert.match(Principal.Federated, /openIdConnectProvider:OpenIdConnectProvider:github$/)
        assert.deepEqual(Condition, {
          StringEquals: {
            'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
            'token.actions.githubusercontent.com:sub': subject,
          },
        })
      }
    },
  },
  {
    sentence: 'No pipeline role can change permissions',
    rules: ['CKV_AWS_286', 'CKV_AWS_289'],
    check: (stack) => {
      for (const name of Object.keys(pipelineSubjects)) {
        const statements = statementsOf(stack, `pipeline-${name}`)
        const actions = statements.flatMap(({ Action }) => Action as string[])
        const iam = actions.filter((action) => /^(iam|sts|organizations):|^\*/.test(action))
        assert.deepEqual(iam, name === 'infrastructure' ? ['iam:PassRole'] : [], name)
      }
      const pass = statementsOf(stack, 'pipeline-infrastructure').find(({ Action }) =>
        Action.includes('iam:PassRole'),
      )
      assert.equal(pass?.Resource, 'arn:aws:iam::*:role/onebox-dev-*')
      assert.deepEqual(pass?.Condition, {
        StringEquals: {
          'iam:PassedToService': ['ec2.amazonaws.com', 'dlm.amazonaws.com', 's3.amazonaws.com'],
        },
      })
    },
  },
  {
    sentence: 'Nothing in a bucket can be made public',
    rules: ['CKV_AWS_53', 'CKV_AWS_54', 'CKV_AWS_55', 'CKV_AWS_56', 'CKV2_AWS_6', 'CIS 2.1.4'],
    check: ({ one }) => {
      for (const name of buckets) {
        const {
          bucket,
          region: _,
          tags,
          ...blocks
        } = one('s3.BucketPublicAccessBlock', name).inputs
        assert.equal(bucket, one('s3.BucketVersioning', name).inputs.bucket)
        assert.deepEqual([Object.values(blocks), tags], [[true, true, true, true], undefined])
      }
    },
  },
  {
    sentence: 'No bucket has access lists: the account owns everything in it',
    rules: ['CKV_AWS_20', 'CKV2_AWS_65'],
    check: ({ one, all }) => {
      for (const name of buckets) {
        const { rule } = one('s3.BucketOwnershipControls', name).inputs
        assert.equal(rule.objectOwnership, 'BucketOwnerEnforced')
      }
      const lists = ['s3.Bucket', 's3.BucketObjectv2'].flatMap(all).map(({ inputs }) => inputs.acl)
      assert.deepEqual(new Set(lists), new Set([undefined]))
    },
  },
  {
    sentence: 'Each bucket accepts only TLS, and its policy grants nobody anything',
    rules: ['CKV_AWS_70', 'CIS 2.1.1'],
    check: ({ one }) => {
      for (const name of buckets) {
        const [statement, ...others] = one('s3.BucketPolicy', name).inputs.policy.Statement
        const arn = `arn:aws:s3:::onebox-dev-${name}-1a2b3c4`
        for (const { Effect } of others) assert.equal(Effect, 'Deny')
        assert.deepEqual(statement, {
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:*',
          Resource: [arn, `${arn}/*`],
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        })
      }
    },
  },
  {
    sentence: 'Each bucket is encrypted and versioned; what a release replaces stays for 30 days',
    rules: ['CKV_AWS_19', 'CKV_AWS_21', 'CKV_AWS_300', 'CKV2_AWS_61'],
    check: ({ one }) => {
      for (const name of buckets) {
        const [encryption] = one('s3.BucketServerSideEncryptionConfiguration', name).inputs.rules
        assert.equal(encryption.applyServerSideEncryptionByDefault.sseAlgorithm, 'AES256')
        const { versioningConfiguration } = one('s3.BucketVersioning', name).inputs
        assert.equal(versioningConfiguration.status, 'Enabled')
      }
      const [expiry, ...others] = one('s3.BucketLifecycleConfiguration', 'releases').inputs.rules
      assert.deepEqual([others, expiry.status, expiry.filter], [[], 'Enabled', {}])
      assert.equal(expiry.noncurrentVersionExpiration.noncurrentDays, 30)
      assert.equal(expiry.abortIncompleteMultipartUpload.daysAfterInitiation, 1)
      // What is current must never expire: an old release may be the one that serves.
      assert.equal('expiration' in expiry, false)
    },
  },
  {
    sentence: 'Every alarm notifies somebody, and again when it clears',
    rules: ['CKV_AWS_319'],
    check: ({ all }) => {
      assert.equal(all('cloudwatch.MetricAlarm').length, 7)
      for (const { name, inputs } of all('cloudwatch.MetricAlarm')) {
        assert.match(inputs.alarmActions[0], /^arn:aws:aws:sns/, name)
        assert.deepEqual(inputs.okActions, inputs.alarmActions.slice(0, 1), name)
        assert.notEqual(inputs.actionsEnabled, false, name)
      }
    },
  },
]

export interface Waiver {
  rules: string[]
  wanted: string
  reason: string
}

/** What checkers ask for and we do without. */
export const waivers: Waiver[] = [
  {
    rules: ['CKV_AWS_88', 'CKV_AWS_260'],
    wanted: 'no public address, port 80 closed to the world',
    reason: 'It is a public web server.',
  },
  {
    rules: ['CKV_AWS_26', 'CKV_AWS_145', 'CKV_AWS_186', 'CKV_AWS_189'],
    wanted: 'customer-managed keys for topics, bucket and volumes',
    reason:
      'A key costs $1 a month. Disks and bucket are encrypted with AWS’s keys; alarms cannot publish to a topic under AWS’s key, and contain no secrets.',
  },
  {
    rules: ['CKV2_AWS_11', 'CIS 3.7'],
    wanted: 'flow logs of the network',
    reason: 'The one machine’s own log has every request. Flow logs cost by the gigabyte.',
  },
  {
    rules: ['CKV_AWS_126'],
    wanted: 'metrics every minute',
    reason: 'Status checks come every minute anyway. The rest would cost $2 a month.',
  },
  {
    rules: ['CKV_AWS_18', 'CKV2_AWS_62'],
    wanted: 'an access log and event notifications for the buckets',
    reason: 'Only the instance uses them, and backups can neither be changed nor deleted by it.',
  },
  {
    rules: ['CKV_AWS_144'],
    wanted: 'a copy of every bucket in another region',
    reason:
      'Releases can be rebuilt from the repository. backupRegion copies the backups, which costs.',
  },
  {
    rules: ['CKV2_AWS_9'],
    wanted: 'the data volume in an AWS Backup plan',
    reason: 'Data Lifecycle Manager makes daily snapshots, for less.',
  },
  {
    rules: ['CKV_AWS_290'],
    wanted: 'resource names for everything that the pipeline’s infrastructure role can write',
    reason:
      'EC2 resources have no names to match. The role is limited to its region and, for changing or deleting machines and disks, to its stack’s tags.',
  },
]

/** A test for each promise of a stack, and one that no rule is promised or waived twice. */
export function testPromises(stack: Onebox, promises: SecurityPromise[], waivers: Waiver[]) {
  for (const { sentence, rules, check } of promises) {
    test(`${sentence} (${rules.join(', ')})`, () => check(stack))
  }
  test('no rule appears twice', () => {
    const rules = [...promises, ...waivers].flatMap((one) => one.rules)
    assert.deepEqual([...new Set(rules)], rules)
  })
}

export function isWorld({ cidrIpv4, cidrIpv6 }: Resource['inputs']): boolean {
  return cidrIpv4 === world || cidrIpv6 !== undefined
}

export function sourceOf({ inputs }: Resource): string {
  return inputs.cidrIpv4 ?? inputs.referencedSecurityGroupId
}

export function portsOf({ inputs }: Resource): string {
  return `${inputs.ipProtocol} ${inputs.fromPort}-${inputs.toPort}`
}

/** From the simulated cloud of these tests. */
export function idOf({ type, name }: Resource): string {
  return `${type}-${name}`
}
