import * as aws from '@pulumi/aws'
import type * as pulumi from '@pulumi/pulumi'
import type { Config } from './config.ts'
import type { Machine } from './machine.ts'
import { tagsOf } from './tags.ts'

/**
 * The disk with all data. It outlives instances and leaves a snapshot when it is destroyed. A volume
 * cannot leave its availability zone, so everything else follows it there.
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
      // A change of its origin must never replace it.
      ignoreChanges: ['snapshotId', 'availabilityZone'],
      // This includes the final snapshot.
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
    description: 'Lets Data Lifecycle Manager create and delete snapshots of the data volume',
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
 * The account may encrypt disks with its own key, which AWS's policy for the role does not cover.
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
