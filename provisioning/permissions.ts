import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Network } from './network.ts'
import type { Releases } from './releases.ts'

/**
 * The instance may read its releases and nothing else, and only from its own network: its credentials
 * are useless elsewhere.
 */
export function createPermissions({ bucket }: Releases, { s3 }: Network): aws.iam.InstanceProfile {
  const role = new aws.iam.Role('server', {
    description: 'Lets the instance read its releases',
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 'ec2.amazonaws.com' }),
  })
  const readable = ['desired.json', 'releases/*', 'runtimes/*']
  const policy: aws.iam.PolicyDocument = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: readable.map((keys) => pulumi.interpolate`${bucket.arn}/${keys}`),
        Condition: { StringEquals: { 'aws:SourceVpce': s3.id } },
      },
    ],
  }
  new aws.iam.RolePolicy('server', { role: role.name, policy })
  return new aws.iam.InstanceProfile('server', { role: role.name })
}
