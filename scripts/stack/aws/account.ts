import { DescribeRegionsCommand, EC2Client } from '@aws-sdk/client-ec2'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { ask, askIfAllowed, type Place } from './ask.ts'

// It knows of every region and account.
const firstRegion = 'us-east-1'

/** The region that the environment or the AWS profile names. */
export async function defaultRegion(profile: string | undefined): Promise<string | undefined> {
  return new STSClient({ profile }).config.region().catch(() => undefined)
}

/** @throws {Error} where AWS does not know us, or does not have the region or not for us */
export async function whoAmI(place: Place): Promise<{ account: string; arn: string }> {
  const client = new STSClient({ ...place, region: firstRegion })
  const { Account = '', Arn = '' } = await ask(client.send(new GetCallerIdentityCommand()))
  await assertRegion(place)
  return { account: Account, arn: Arn }
}

async function assertRegion({ region, profile }: Place) {
  const client = new EC2Client({ profile, region: firstRegion })
  const command = new DescribeRegionsCommand({ AllRegions: true })
  // Some companies allow nothing in regions that they do not use; Pulumi will tell then.
  const answer = await askIfAllowed(client.send(command))
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
