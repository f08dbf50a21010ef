import assert from 'node:assert/strict'
import test from 'node:test'
import { isAllowed, type Policy } from '../support/iam.ts'
import { desiredOf, runOnebox } from './onebox.ts'

const stack = await runOnebox({ settings: { backupRegion: 'eu-west-1', backupMinutes: '30' } })
const arn = 'arn:aws:s3:::onebox-dev-backups-1a2b3c4'
const backup = `${arn}/recent/onebox-20261128T091500Z.db.zst`
const here = { 'aws:SourceVpce': 'vpce-1', 'aws:SecureTransport': 'true' }
const ifNew = { ...here, 's3:if-none-match': '*' }

/** What AWS would decide about a request of the instance's role. */
function mayInstance(action: string, resource = backup, context: Record<string, string> = here) {
  const policies: Policy[] = [
    stack.one('iam.RolePolicy', 'server').inputs.policy,
    stack.one('s3.BucketPolicy', 'backups').inputs.policy,
  ]
  return isAllowed(policies, { action, resource, context })
}

test('the instance can add backups, list and read them', () => {
  assert.equal(mayInstance('s3:PutObject', backup, ifNew), true)
  assert.equal(mayInstance('s3:GetObject'), true)
  assert.equal(mayInstance('s3:ListBucket', arn), true)
})

test('the instance can neither overwrite nor delete a backup, nor any version of one', () => {
  assert.equal(mayInstance('s3:PutObject'), false, 'without If-None-Match')
  for (const action of [
    'DeleteObject',
    'DeleteObjectVersion',
    'DeleteObjectTagging',
    'PutObjectTagging',
    'PutObjectAcl',
    'PutObjectRetention',
    'RestoreObject',
    'ReplicateDelete',
    'BypassGovernanceRetention',
  ]) {
    assert.equal(mayInstance(`s3:${action}`, backup, ifNew), false, action)
  }
})

test('the instance can change nothing about the bucket of backups', () => {
  for (const action of [
    'DeleteBucket',
    'PutBucketVersioning',
    'PutLifecycleConfiguration',
    'PutBucketPolicy',
    'DeleteBucketPolicy',
    'PutReplicationConfiguration',
    'PutEncryptionConfiguration',
    'PutBucketPublicAccessBlock',
  ]) {
    assert.equal(mayInstance(`s3:${action}`, arn), false, action)
  }
})

test('the instance can neither read nor replace the copy of Pulumi’s state', () => {
  const copy = 'arn:aws:s3:::onebox-dev-releases-1a2b3c4/state.json'
  assert.equal(mayInstance('s3:GetObject', copy.replace('state', 'desired')), true)
  for (const action of ['GetObject', 'GetObjectVersion', 'PutObject', 'DeleteObject']) {
    assert.equal(mayInstance(`s3:${action}`, copy, ifNew), false, action)
  }
})

test('credentials of the instance are useless outside its network, and without TLS', () => {
  for (const context of [
    { ...ifNew, 'aws:SourceVpce': 'vpce-2' },
    { 'aws:SecureTransport': 'true', 's3:if-none-match': '*' },
    { ...ifNew, 'aws:SecureTransport': 'false' },
  ]) {
    assert.equal(mayInstance('s3:PutObject', backup, context), false)
    assert.equal(mayInstance('s3:GetObject', backup, context), false)
  }
})

test('nobody overwrites a backup by accident', () => {
  const everything = { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } as Policy
  const policies = [everything, stack.one('s3.BucketPolicy', 'backups').inputs.policy]
  const put = { action: 's3:PutObject', resource: backup, context: here }
  assert.equal(isAllowed(policies, put), false)
  assert.equal(isAllowed(policies, { ...put, context: ifNew }), true)
})

test('all backups of two days are kept, and one a day for a month, in versions', () => {
  for (const name of ['backups', 'backups-copy']) {
    const { rules } = stack.one('s3.BucketLifecycleConfiguration', name).inputs
    const summary = rules.map((rule: (typeof rules)[0]) => [
      rule.filter.prefix,
      rule.status,
      rule.expiration.days,
      rule.noncurrentVersionExpiration.noncurrentDays,
    ])
    assert.deepEqual(summary, [
      ['recent/', 'Enabled', 2, 1],
      ['daily/', 'Enabled', 31, 30],
    ])
    const { versioningConfiguration } = stack.one('s3.BucketVersioning', name).inputs
    assert.equal(versioningConfiguration.status, 'Enabled')
  }
})

test('the buckets of backups outlive the stack, with everything that protects them', () => {
  const parts = stack.resources.filter(
    ({ type, name }) => type.startsWith('aws:s3/') && name.startsWith('backups'),
  )
  const kept = parts.filter(({ type }) => !type.includes('Replication'))
  assert.equal(kept.length, 14)
  for (const { urn, options } of kept) assert.equal(options.retainOnDelete, true, urn)
  for (const name of ['backups', 'backups-copy'])
    assert.equal(stack.one('s3.Bucket', name).inputs.forceDestroy, false)
})

test('every backup is copied to the second region, and no deletion is', () => {
  const { bucket, rules, role } = stack.one('s3.BucketReplicationConfig').inputs
  const [rule, ...others] = rules
  assert.deepEqual([bucket, others], ['onebox-dev-backups-1a2b3c4', []])
  assert.deepEqual([rule.status, rule.filter], ['Enabled', {}])
  assert.deepEqual(rule.deleteMarkerReplication, { status: 'Disabled' })
  assert.equal(rule.destination.bucket, 'arn:aws:s3:::onebox-dev-backups-copy-1a2b3c4')
  assert.equal(role, 'arn:aws:aws:iam/role:Role:backups-copy')
  const copies = stack.resources.filter(
    ({ type, name }) =>
      type.startsWith('aws:s3/') && name === 'backups-copy' && !type.includes('Replication'),
  )
  for (const { urn, inputs } of copies) assert.equal(inputs.region, 'eu-west-1', urn)
})

test('S3 may copy backups, but delete none', () => {
  const policies = [stack.one('iam.RolePolicy', 'backups-copy').inputs.policy]
  const copy = 'arn:aws:s3:::onebox-dev-backups-copy-1a2b3c4/daily/a'
  const may = (action: string, resource: string) => isAllowed(policies, { action, resource })
  assert.equal(may('s3:GetObjectVersionForReplication', backup), true)
  assert.equal(may('s3:ReplicateObject', copy), true)
  for (const action of ['s3:ReplicateDelete', 's3:DeleteObject', 's3:DeleteObjectVersion'])
    assert.equal(may(action, copy) || may(action, backup), false, action)
})

test('the instance knows its bucket of backups, and how often to add one', () => {
  const { environment } = JSON.parse(desiredOf(stack))
  assert.equal(
    environment.OFFSITE_URL,
    'https://onebox-dev-backups-1a2b3c4.s3.eu-central-1.amazonaws.com',
  )
  assert.equal(environment.OFFSITE_MINUTES, '30')
  assert.equal(stack.outputs.backupBucket, 'onebox-dev-backups-1a2b3c4')
})
