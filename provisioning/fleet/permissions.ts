import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Releases } from '../releases.ts'
import type { FleetNetwork } from './network.ts'
import type { Tables } from './tables.ts'

/** What the server does with each table. Transactions need the rights of what they consist of. */
const verbs: Record<keyof Tables, string[]> = {
  movies: ['DescribeTable', 'GetItem', 'BatchGetItem', 'Query', 'Scan', 'PutItem', 'DeleteItem'],
  birthdays: ['DescribeTable', 'GetItem', 'PutItem', 'DeleteItem'],
  state: ['DescribeTable', 'GetItem', 'Query', 'PutItem', 'UpdateItem', 'BatchWriteItem'],
}

export function createRole(): aws.iam.Role {
  return new aws.iam.Role('server', {
    description: 'Lets the machines read their releases, and use their tables',
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 'ec2.amazonaws.com' }),
  })
}

/** Only from the stack's network: the role's credentials are useless elsewhere. */
export function mayUseTables(
  { name: role }: aws.iam.Role,
  tables: Tables,
  { dynamodb }: FleetNetwork,
): aws.iam.RolePolicy {
  const Condition = { StringEquals: { 'aws:SourceVpce': dynamodb.id } }
  const Statement = Object.entries(verbs).map(
    ([table, actions]): aws.iam.PolicyStatement => ({
      Effect: 'Allow',
      Action: actions.map((action) => `dynamodb:${action}`),
      Resource: tables[table as keyof Tables].arn,
      Condition,
    }),
  )
  return new aws.iam.RolePolicy('tables', { role, policy: { Version: '2012-10-17', Statement } })
}

export function mayReadReleases(
  { name: role }: aws.iam.Role,
  { bucket }: Releases,
  { s3 }: FleetNetwork,
): aws.iam.RolePolicy {
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
  return new aws.iam.RolePolicy('releases', { role, policy })
}
