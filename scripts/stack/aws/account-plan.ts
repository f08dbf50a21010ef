import { EC2Client, paginateDescribeInstanceTypes } from '@aws-sdk/client-ec2'
import { STSClient } from '@aws-sdk/client-sts'
import { SignatureV4 } from '@smithy/signature-v4'
import { callIfAllowed, collect, type Place } from './call.ts'

// Its only endpoint, for all regions. AWS's client for it is a package of its own.
const endpoint = 'https://freetier.us-east-1.api.aws'

/**
 * Whether the account has AWS's Free plan, which refuses most instance types; false as well if
 * we lack the permission, or AWS does not answer.
 * https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_freetier_GetAccountPlanState.html
 */
export async function hasFreePlan({ profile }: Place): Promise<boolean> {
  try {
    const { accountPlanType } = await readPlan(profile)
    return accountPlanType === 'FREE'
  } catch {
    return false
  }
}

async function readPlan(profile: string | undefined): Promise<{ accountPlanType?: string }> {
  const { credentials, sha256 } = new STSClient({ profile, region: 'us-east-1' }).config
  const url = new URL(process.env.AWS_ENDPOINT_URL || endpoint)
  const signer = new SignatureV4({ service: 'freetier', region: 'us-east-1', credentials, sha256 })
  const { headers, body } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/',
    headers: {
      host: url.host,
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AWSFreeTierService.GetAccountPlanState',
    },
    body: '{}',
  })
  const signal = AbortSignal.timeout(10_000)
  const response = await fetch(url, { method: 'POST', headers, body, signal })
  return (await response.json()) as { accountPlanType?: string }
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
