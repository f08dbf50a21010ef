import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { desiredOf, madeToken, type Onebox, statementsOf } from './onebox.ts'
import {
  defaultGroupIsClosed,
  idOf,
  isWorld,
  portsOf,
  type SecurityPromise,
  sourceOf,
  type Waiver,
} from './promises.ts'

const bucket = 'arn:aws:s3:::onebox-dev-releases-1a2b3c4'

/** Of several machines, with everything enabled. */
export const fleetPromises: SecurityPromise[] = [
  {
    sentence: 'The world reaches ports 80 and 443 of the load balancer, and nothing else',
    rules: ['CKV_AWS_25', 'CKV_AWS_277'],
    check: ({ all, one }) => {
      const open = all('vpc.SecurityGroupIngressRule').filter(({ inputs }) => isWorld(inputs))
      assert.deepEqual(open.map(portsOf).sort(), ['tcp 443-443', 'tcp 80-80'])
      const balancer = idOf(one('ec2.SecurityGroup', 'balancer'))
      for (const { inputs } of open) assert.equal(inputs.securityGroupId, balancer)
    },
  },
  {
    sentence: 'The servers are reached by the load balancer at port 80, and by sshFrom at port 22',
    rules: ['CKV_AWS_24'],
    check: ({ all, one }) => {
      const [server, balancer, endpoint] = ['server', 'balancer', 'ssh-endpoint'].map((name) =>
        idOf(one('ec2.SecurityGroup', name)),
      )
      const rules = all('vpc.SecurityGroupIngressRule').filter(
        ({ inputs }) => inputs.securityGroupId === server,
      )
      assert.deepEqual(rules.map((rule) => `${portsOf(rule)} ${sourceOf(rule)}`).sort(), [
        'tcp 22-22 198.51.100.7/32',
        `tcp 22-22 ${endpoint}`,
        `tcp 80-80 ${balancer}`,
      ])
    },
  },
  {
    sentence:
      'The servers reach out to ports 80 and 443, the load balancer to port 80 of the servers, and nothing else',
    rules: ['CKV_AWS_382'],
    check: ({ all, one }) => {
      const [server, balancer, endpoint] = ['server', 'balancer', 'ssh-endpoint'].map((name) =>
        idOf(one('ec2.SecurityGroup', name)),
      )
      const rules = all('vpc.SecurityGroupEgressRule').map((rule) => {
        const { securityGroupId } = rule.inputs
        return `${securityGroupId} ${portsOf(rule)} ${sourceOf(rule)}`
      })
      assert.deepEqual(
        rules.sort(),
        [
          `${balancer} tcp 80-80 ${server}`,
          `${endpoint} tcp 22-22 ${server}`,
          `${server} tcp 443-443 0.0.0.0/0`,
          `${server} tcp 80-80 0.0.0.0/0`,
        ].sort(),
      )
    },
  },
  {
    sentence: 'Every rule has a description, and every group is in use',
    rules: ['CKV_AWS_23', 'CKV2_AWS_5'],
    check: ({ all, one }) => {
      const [card] = one('ec2.LaunchTemplate').inputs.networkInterfaces
      const users = [
        ...card.securityGroups,
        ...one('lb.LoadBalancer').inputs.securityGroups,
        ...one('ec2transitgateway.InstanceConnectEndpoint').inputs.securityGroupIds,
      ]
      assert.deepEqual(users.sort(), all('ec2.SecurityGroup').map(idOf).sort())
      const kinds = ['vpc.SecurityGroupIngressRule', 'vpc.SecurityGroupEgressRule']
      for (const { name, inputs } of kinds.flatMap(all))
        assert.match(inputs.description, /^\w+ (from|to) /, name)
    },
  },
  defaultGroupIsClosed,
  {
    sentence:
      'With a domain, every page is over TLS 1.2 or 1.3, and plain HTTP only redirects there',
    rules: ['CKV_AWS_2', 'CKV_AWS_103', 'CKV2_AWS_20'],
    check: ({ one, all }) => {
      const { inputs } = one('lb.Listener', 'https')
      assert.deepEqual([inputs.port, inputs.protocol], [443, 'HTTPS'])
      assert.equal(inputs.sslPolicy, 'ELBSecurityPolicy-TLS13-1-2-2021-06')
      const [action, ...others] = one('lb.Listener', 'http').inputs.defaultActions
      assert.deepEqual(others, [])
      assert.deepEqual(action, {
        type: 'redirect',
        redirect: { protocol: 'HTTPS', port: '443', statusCode: 'HTTP_301' },
      })
      assert.equal(all('lb.Listener').length, 2)
    },
  },
  {
    sentence: 'The load balancer drops invalid header fields',
    rules: ['CKV_AWS_131'],
    check: ({ one }) => assert.equal(one('lb.LoadBalancer').inputs.dropInvalidHeaderFields, true),
  },
  {
    sentence: 'A server gets requests only while its /healthz answers 200',
    rules: ['CKV_AWS_261'],
    check: ({ one }) => {
      const { healthCheck } = one('lb.TargetGroup').inputs
      assert.deepEqual([healthCheck.path, healthCheck.matcher], ['/healthz', '200'])
    },
  },
  {
    sentence: 'The metadata service requires a token, and answers only on the machine',
    rules: ['CKV_AWS_79', 'CKV_AWS_341', 'CIS 5.7'],
    check: ({ one }) => {
      const { httpTokens, httpPutResponseHopLimit } =
        one('ec2.LaunchTemplate').inputs.metadataOptions
      assert.deepEqual([httpTokens, httpPutResponseHopLimit], ['required', 1])
    },
  },
  {
    sentence: 'The one disk of each machine is encrypted and deleted with it',
    rules: ['CKV_AWS_3', 'CKV_AWS_8'],
    check: ({ one }) => {
      const [{ ebs }, ...others] = one('ec2.LaunchTemplate').inputs.blockDeviceMappings
      assert.deepEqual(others, [])
      assert.deepEqual([ebs.encrypted, ebs.deleteOnTermination], ['true', 'true'])
    },
  },
  {
    sentence:
      'Machines come from a launch template, and they and their disks have the stack’s tags',
    rules: ['CKV_AWS_153', 'CKV_AWS_315'],
    check: ({ one }) => {
      assert.equal(one('autoscaling.Group').inputs.launchTemplate.id, 'lt-1')
      const { tagSpecifications } = one('ec2.LaunchTemplate').inputs
      const tagged = tagSpecifications.map(({ resourceType, tags }: Tagged) => [
        resourceType,
        tags.Stack,
      ])
      assert.deepEqual(tagged, [
        ['instance', 'dev'],
        ['volume', 'dev'],
        ['network-interface', 'dev'],
      ])
    },
  },
  {
    sentence: 'No secret is in user data, desired.json, plain outputs or the log',
    rules: ['CKV_AWS_46'],
    check: (stack) => {
      const { writeToken, ...others } = stack.outputs
      assert.deepEqual([writeToken, stack.secretOutputs], [madeToken, ['writeToken']])
      const open = [
        fleetUserDataOf(stack),
        desiredOf(stack),
        JSON.stringify(others),
        stack.log,
        ...stack.resources.map(({ inputs }) => JSON.stringify(inputs)),
      ]
      for (const text of open) assert.equal(text.includes(madeToken), false)
    },
  },
  {
    sentence:
      'A machine can read only desired.json, releases and runtimes, and use each table only as the server does, from its network',
    rules: ['CKV_AWS_62', 'CKV_AWS_63', 'CKV_AWS_355', 'CKV2_AWS_41'],
    check: (stack) => {
      assert.deepEqual(statementsOf(stack, 'releases'), [
        {
          Effect: 'Allow',
          Action: 's3:GetObject',
          Resource: [`${bucket}/desired.json`, `${bucket}/releases/*`, `${bucket}/runtimes/*`],
          Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-1' } },
        },
      ])
      const statements = statementsOf(stack, 'tables')
      assert.deepEqual(
        statements.map(({ Resource }) => Resource),
        ['movies', 'birthdays', 'state']
          .map((name) => stack.one('dynamodb.Table', name))
          .map(arnOf),
      )
      for (const { Action, Condition } of statements) {
        for (const action of Action as string[]) assert.match(action, /^dynamodb:[A-Z][A-Za-z]+$/)
        assert.deepEqual(Condition, { StringEquals: { 'aws:SourceVpce': 'vpce-dynamodb' } })
      }
      const { role } = stack.one('iam.InstanceProfile').inputs
      const policies = stack.all('iam.RolePolicy').filter(({ inputs }) => inputs.role === role)
      assert.deepEqual(policies.map(({ name }) => name).sort(), ['releases', 'tables'])
      assert.deepEqual(stack.all('iam.RolePolicyAttachment'), [])
    },
  },
  {
    sentence: 'The role of the machines can be assumed only by EC2',
    rules: ['CKV_AWS_60', 'CKV_AWS_61'],
    check: ({ one }) => {
      const [statement, ...others] = one('iam.Role', 'server').inputs.assumeRolePolicy.Statement
      assert.deepEqual(others, [])
      assert.deepEqual(statement.Principal, { Service: 'ec2.amazonaws.com' })
    },
  },
  {
    sentence: 'Every table can be restored to any second of 35 days, and not be deleted by mistake',
    rules: ['CKV_AWS_28'],
    check: ({ all }) => {
      assert.equal(all('dynamodb.Table').length, 3)
      for (const { inputs, options } of all('dynamodb.Table')) {
        assert.deepEqual(inputs.pointInTimeRecovery, { enabled: true })
        assert.deepEqual([inputs.deletionProtectionEnabled, options.protect], [true, true])
      }
    },
  },
  {
    sentence: 'The bucket for releases is private, encrypted and versioned, and accepts only TLS',
    rules: ['CKV_AWS_19', 'CKV_AWS_21', 'CKV_AWS_53', 'CKV_AWS_56', 'CKV2_AWS_6', 'CIS 2.1.1'],
    check: ({ one, all }) => {
      assert.deepEqual(
        all('s3.Bucket').map(({ name }) => name),
        ['releases'],
      )
      const { bucket: _, ...blocks } = one('s3.BucketPublicAccessBlock').inputs
      assert.deepEqual(Object.values(blocks), [true, true, true, true])
      const [rule] = one('s3.BucketServerSideEncryptionConfiguration').inputs.rules
      assert.equal(rule.applyServerSideEncryptionByDefault.sseAlgorithm, 'AES256')
      assert.equal(one('s3.BucketVersioning').inputs.versioningConfiguration.status, 'Enabled')
      const [statement] = one('s3.BucketPolicy').inputs.policy.Statement
      assert.deepEqual(statement.Condition, { Bool: { 'aws:SecureTransport': 'false' } })
    },
  },
  {
    sentence: 'Every alarm notifies somebody, and again when it clears',
    rules: ['CKV_AWS_319'],
    check: ({ all }) => {
      assert.equal(all('cloudwatch.MetricAlarm').length, 4)
      for (const { name, inputs } of all('cloudwatch.MetricAlarm')) {
        assert.match(inputs.alarmActions[0], /^arn:aws:aws:sns/, name)
        assert.deepEqual(inputs.okActions, inputs.alarmActions, name)
      }
    },
  },
]

export const fleetWaivers: Waiver[] = [
  {
    rules: ['CKV_AWS_88'],
    wanted: 'no public addresses of machines',
    reason:
      'They need the internet for security updates, and a NAT gateway costs more than addresses. Nothing but SSH on request is open on them.',
  },
  {
    rules: ['CKV_AWS_260'],
    wanted: 'port 80 closed to the world',
    reason: 'It is a public web server. With a domain, port 80 only redirects to HTTPS.',
  },
  {
    rules: ['CKV_AWS_378'],
    wanted: 'HTTPS between load balancer and servers',
    reason: 'It is the stack’s own network, and the servers accept connections from nowhere else.',
  },
  {
    rules: ['CKV2_AWS_15'],
    wanted: 'the load balancer’s health checks for the group, too',
    reason:
      'While DynamoDB does not answer, no /healthz is good. Replacing all machines then would turn a pause into an outage.',
  },
  {
    rules: ['CKV_AWS_150'],
    wanted: 'deletion protection for the load balancer',
    reason: 'It holds nothing; the tables have the protection.',
  },
  {
    rules: ['CKV2_AWS_28'],
    wanted: 'a web application firewall',
    reason:
      'It costs by the rule and by the request. The server limits writes and reads per address.',
  },
  {
    rules: ['CKV_AWS_91', 'CKV_AWS_18', 'CKV2_AWS_11', 'CKV2_AWS_62', 'CIS 3.7'],
    wanted: 'access logs of load balancer and bucket, and flow logs of the network',
    reason: 'Each server’s log has its requests. The others cost by the gigabyte.',
  },
  {
    rules: ['CKV_AWS_119', 'CKV_AWS_145', 'CKV_AWS_26'],
    wanted: 'customer-managed keys for tables, bucket and topics',
    reason: 'A key costs $1 a month, and by the request. Everything is encrypted with AWS’s keys.',
  },
  {
    rules: ['CKV_AWS_126'],
    wanted: 'metrics every minute',
    reason: 'They cost $2 per machine and month. The group grows a few minutes later without them.',
  },
  {
    rules: ['CKV_AWS_144'],
    wanted: 'a copy of every bucket in another region',
    reason: 'Releases can be rebuilt from the repository.',
  },
]

interface Tagged {
  resourceType: string
  tags: Record<string, string>
}

/** The text of the machines' user data. */
export function fleetUserDataOf({ one }: Onebox): string {
  const { userData } = one('ec2.LaunchTemplate').inputs
  return gunzipSync(Buffer.from(userData, 'base64')).toString()
}

function arnOf({ type, name }: { type: string; name: string }): string {
  return `arn:aws:${type}:${name}`
}
