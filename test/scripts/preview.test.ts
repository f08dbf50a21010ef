import assert from 'node:assert/strict'
import test from 'node:test'
import { markdown, roleFor } from '../../scripts/commands/preview.ts'
import { type Change, nameOf } from '../../scripts/stack/apply.ts'

const release: Change = { operation: 'create-replacement', what: 's3.BucketObjectv2 release' }
const instance: Change = { operation: 'update', what: 'ec2.Instance server-arm64' }
const bucket: Change = { operation: 'update', what: 's3.Bucket releases' }
const role: Change = { operation: 'create', what: 'iam.Role pipeline-release' }

const running = {
  id: 'i-0123456789abcdef0',
  state: 'running',
  type: 't4g.nano',
  imageId: 'ami-0123456789abcdef0',
  volumeIds: [],
  ip: '203.0.113.10',
}

test('a change gets the narrowest role that can make it, and changes of IAM get none', () => {
  assert.equal(roleFor([]), 'release')
  assert.equal(roleFor([release]), 'release')
  assert.equal(roleFor([release, instance]), 'infrastructure')
  assert.equal(roleFor([bucket]), 'infrastructure')
  assert.equal(roleFor([release, role, instance]), 'none')
  assert.equal(roleFor([release], running), 'release')
  assert.equal(roleFor([], { ...running, state: 'stopped' }), 'infrastructure')
  // AWS makes a role of CloudWatch for the first of these.
  assert.equal(roleFor([{ operation: 'create', what: 'cloudwatch.MetricAlarm recover' }]), 'none')
  const alarm: Change = { operation: 'update', what: 'cloudwatch.MetricAlarm recover' }
  assert.equal(roleFor([alarm]), 'infrastructure')
})

test('the log of a build server does not contain SSH addresses', (t) => {
  const urn =
    'urn:pulumi:dev::onebox::aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::ssh-in-198.51.100.7/32'
  const { CI = '' } = process.env
  t.after(() => Object.assign(process.env, { CI }))
  process.env.CI = 'true'
  assert.equal(nameOf(urn), 'ssh-in-…')
  process.env.CI = ''
  assert.equal(nameOf(urn), 'ssh-in-198.51.100.7/32')
})

test('a preview is a table below the role that would make the changes', () => {
  assert.equal(markdown('dev', { changes: [] }), 'Nothing would change in stack dev.\n')
  assert.match(
    markdown('dev', { changes: [release] }),
    /as a release\.\n\n\| change \| resource \|\n\|---\|---\|/,
  )
  assert.match(
    markdown('dev', { changes: [release] }),
    /^\| create-replacement \| s3\.BucketObjectv2 release \|$/m,
  )
  const noted = markdown('dev', { changes: [instance], notes: ['Image: a → b'] })
  assert.match(noted, /\| update \| ec2\.Instance server-arm64 \|\n\nImage: a → b\n$/)
  assert.match(
    markdown('dev', { changes: [role] }),
    /\*\*This needs IAM, .* a person must run `npx onebox up`\.\*\*$/m,
  )
})
