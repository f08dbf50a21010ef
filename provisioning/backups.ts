import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { createBucket } from './bucket.ts'
import type { Config } from './config.ts'

export interface Backups {
  bucket: aws.s3.Bucket
  /** Where the instance puts them. */
  url: pulumi.Output<string>
}

// S3 counts whole days from the next midnight, and keeps what has expired for `thenDays` more.
const options = {
  isKept: true,
  isAppendOnly: true,
  lifetimes: { recent: { days: 2, thenDays: 1 }, daily: { days: 31, thenDays: 30 } },
}

/**
 * The bucket for backups of the data, which outlives the stack: all of two days, and one a day for a
 * month. Nothing in it can be overwritten.
 */
export function createBackups(config: Config): Backups {
  const { bucket, isReady } = createBucket('backups', options)
  if (config.backupRegion !== '') copyTo(config.backupRegion, bucket, isReady)
  const url = pulumi.interpolate`https://${bucket.bucket}.s3.${config.region}.amazonaws.com`
  return { bucket, url }
}

/** Copies each new object to a bucket in another region. Deletions are not copied. */
function copyTo(region: string, from: aws.s3.Bucket, isReady: pulumi.Resource[]) {
  const copy = createBucket('backups-copy', { ...options, region })
  const role = new aws.iam.Role('backups-copy', {
    description: 'Lets S3 copy backups to another region',
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 's3.amazonaws.com' }),
  })
  new aws.iam.RolePolicy('backups-copy', { role: role.name, policy: mayCopy(from, copy.bucket) })
  new aws.s3.BucketReplicationConfig(
    'backups-copy',
    {
      bucket: from.bucket,
      role: role.arn,
      rules: [
        {
          id: 'copy',
          status: 'Enabled',
          filter: {},
          deleteMarkerReplication: { status: 'Disabled' },
          destination: { bucket: copy.bucket.arn },
        },
      ],
    },
    { dependsOn: [...isReady, ...copy.isReady] },
  )
}

function mayCopy(from: aws.s3.Bucket, to: aws.s3.Bucket): aws.iam.PolicyDocument {
  const readable = ['GetObjectVersionForReplication', 'GetObjectVersionAcl']
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['s3:GetReplicationConfiguration', 's3:ListBucket'],
        Resource: from.arn,
      },
      {
        Effect: 'Allow',
        Action: readable.map((action) => `s3:${action}`),
        Resource: pulumi.interpolate`${from.arn}/*`,
      },
      {
        Effect: 'Allow',
        Action: 's3:ReplicateObject',
        Resource: pulumi.interpolate`${to.arn}/*`,
      },
    ],
  }
}
