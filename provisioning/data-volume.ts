import * as aws from '@pulumi/aws'
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
  createDailySnapshots(config)
  return volume
}

const dailySnapshots = 7

function createDailySnapshots(config: Config) {
  const { Name } = tagsOf(config, 'data')
  const role = new aws.iam.Role('snapshots', {
    description: 'Lets Data Lifecycle Manager make and remove snapshots of the data volume',
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 'dlm.amazonaws.com' }),
  })
  new aws.iam.RolePolicyAttachment('snapshots', {
    role: role.name,
    policyArn: 'arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole',
  })
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
