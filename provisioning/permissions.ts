import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Backups } from './backups.ts'
import type { Network } from './network.ts'
import type { Releases } from './releases.ts'

/**
 * The instance may read its releases, and read and add backups, but only from its own network: its
 * credentials are useless elsewhere. It can neither replace nor delete a backup.
 */
export function createPermissions(
  { bucket }: Releases,
  backups: Backups,
  { s3 }: Network,
): aws.iam.InstanceProfile {
  const role = new aws.iam.Role('server', {
    description: 'Lets the instance read its releases, and add backups',
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 'ec2.amazonaws.com' }),
  })
  const readable = ['desired.json', 'releases/*', 'runtimes/*']
  const fromHere = { StringEquals: { 'aws:SourceVpce': s3.id } }
  const ifNew = { ...fromHere, Null: { 's3:if-none-match': 'false' } }
  const everyBackup = pulumi.interpolate`${backups.bucket.arn}/*`
  const policy: aws.iam.PolicyDocument = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: [
          ...readable.map((keys) => pulumi.interpolate`${bucket.arn}/${keys}`),
          everyBackup,
        ],
        Condition: fromHere,
      },
      {
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: backups.bucket.arn,
        Condition: fromHere,
      },
      { Effect: 'Allow', Action: 's3:PutObject', Resource: everyBackup, Condition: ifNew },
    ],
  }
  new aws.iam.RolePolicy('server', { role: role.name, policy })
  return new aws.iam.InstanceProfile('server', { role: role.name })
}
