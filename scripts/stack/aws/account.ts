import { DescribeRegionsCommand, EC2Client } from '@aws-sdk/client-ec2'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { call, callIfAllowed, type Place } from './call.ts'

// It answers for every region and account.
const firstRegion = 'us-east-1'

/** The region that the environment or the AWS profile names. */
export async function defaultRegion(profile: string | undefined): Promise<string | undefined> {
  return new STSClient({ profile }).config.region().catch(() => undefined)
}

/** @throws {Error} if AWS rejects the credentials, or the region is unknown or not enabled */
export async function whoAmI(place: Place): Promise<{ account: string; arn: string }> {
  const client = new STSClient({ ...place, region: firstRegion })
  const { Account = '', Arn = '' } = await call(client.send(new GetCallerIdentityCommand()))
  await assertRegion(place)
  return { account: Account, arn: Arn }
}

async function assertRegion({ region, profile }: Place) {
  const client = new EC2Client({ profile, region: firstRegion })
  const command = new DescribeRegionsCommand({ AllRegions: true })
  // Some companies forbid calls to regions that they do not use; Pulumi reports a bad region later.
  const answer = await callIfAllowed(client.send(command))
  if (answer === undefined) return
  const { Regions: regions = [] } = answer
  const found = regions.find(({ RegionName }) => RegionName === region)
  if (found?.OptInStatus === 'not-opted-in') {
    const cure = 'enable it in the AWS console under Account, or choose another with --region'
    throw new Error(`The region ${region} is not enabled for this account: ${cure}`)
  }
  if (found) return
  const names = regions.map(({ RegionName }) => RegionName).sort()
  throw new Error(`AWS has no region ${region}: choose with --region among ${names.join(', ')}`)
}
