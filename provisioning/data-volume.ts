import * as aws from '@pulumi/aws'
import type * as pulumi from '@pulumi/pulumi'
import type { Config } from './config.ts'
import type { Machine } from './machine.ts'
import { tagsOf } from './tags.ts'

/**
 * The disk with everybody's data, which outlives instances and leaves a snapshot when destroyed. All
 * else is in its zone, as a volume cannot leave that.
 */
export function createDataVolume(config: Config, { zones }: Machine): aws.ebs.Volume {
  const volume = new aws.ebs.Volume(
    'data',
    {
      availabilityZone: config.availabilityZone || (zones[0] as string),
      type: 'gp3',
      size: config.volumeSizeGiB,
      encrypted: true,
      snapshotId: config.restoreSnapshotId || undefined,
      finalSnapshot: true,
    },
    {
      // What it was made from must never be a reason to make it again.
      ignoreChanges: ['snapshotId', 'availabilityZone'],
      // The final snapshot has to be done within it.
      customTimeouts: { delete: '60m' },
    },
  )
  createDailySnapshots(config, volume)
  return volume
}

const dailySnapshots = 7

function createDailySnapshots(config: Config, { kmsKeyId }: aws.ebs.Volume) {
  const { Name } = tagsOf(config, 'data')
  const role = new aws.iam.Role('snapshots', {
    description: 'Lets Data Lifecycle Manager make and remove snapshots of the data volume',
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 'dlm.amazonaws.com' }),
  })
  new aws.iam.RolePolicyAttachment('snapshots', {
    role: role.name,
    policyArn: 'arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole',
  })
  new aws.iam.RolePolicy('snapshots', { role: role.name, policy: mayUse(kmsKeyId) })
  new aws.dlm.LifecyclePolicy('snapshots', {
    description: `Daily snapshots of ${Name}`,
    executionRoleArn: role.arn,
    policyDetails: {
      resourceTypes: ['VOLUME'],
      targetTags: { Name },
      schedules: [
        {
          name: 'daily',
          createRule: { interval: 24, intervalUnit: 'HOURS', times: '03:00' },
          retainRule: { count: dailySnapshots },
          copyTags: true,
        },
      ],
    },
  })
}

/**
 * The account's default key for disks may be its own. AWS's policy for the role leaves that out.
 * https://docs.aws.amazon.com/ebs/latest/userguide/dlm-prerequisites.html
 */
function mayUse(key: pulumi.Output<string>): aws.iam.PolicyDocument {
  const actions = ['DescribeKey', 'Decrypt', 'ReEncrypt*', 'GenerateDataKey*']
  const onlyForAws = { Bool: { 'kms:GrantIsForAWSResource': 'true' } }
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: actions.map((action) => `kms:${action}`), Resource: key },
      { Effect: 'Allow', Action: 'kms:CreateGrant', Resource: key, Condition: onlyForAws },
    ],
  }
}
