import { EC2Client, paginateDescribeInstanceTypes } from '@aws-sdk/client-ec2'
import { callIfAllowed, collect, type Place } from './call.ts'
import { callJson } from './json-call.ts'

// Its only endpoint, for all regions. AWS's client for it is a package of its own.
const endpoint = 'https://freetier.us-east-1.api.aws'

/**
 * Whether the account has AWS's Free plan, which refuses most instance types; false as well if
 * we lack the permission, or AWS does not answer.
 * https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_freetier_GetAccountPlanState.html
 */
export async function hasFreePlan({ profile }: Place): Promise<boolean> {
  try {
    const { accountPlanType } = await callJson<{ accountPlanType?: string }>(
      { profile, region: 'us-east-1' },
      {
        service: 'freetier',
        endpoint,
        version: '1.0',
        target: 'AWSFreeTierService.GetAccountPlanState',
      },
    )
    return accountPlanType === 'FREE'
  } catch {
    return false
  }
}

/** The types with that kind of CPU which the Free plan allows here, smallest first. */
export async function findFreeTypes(
  place: Place,
  cpu: 'arm64' | 'x86_64',
): Promise<string[] | undefined> {
  const Filters = [
    { Name: 'free-tier-eligible', Values: ['true'] },
    { Name: 'processor-info.supported-architecture', Values: [cpu] },
  ]
  const pages = paginateDescribeInstanceTypes({ client: new EC2Client(place) }, { Filters })
  const answer = await callIfAllowed(collect(pages))
  return answer
    ?.flatMap(({ InstanceTypes = [] }) => InstanceTypes)
    .sort((a, b) => (a.MemoryInfo?.SizeInMiB ?? 0) - (b.MemoryInfo?.SizeInMiB ?? 0))
    .map(({ InstanceType = '' }) => InstanceType)
}
