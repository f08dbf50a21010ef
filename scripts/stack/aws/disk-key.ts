import { EC2Client, GetEbsDefaultKmsKeyIdCommand } from '@aws-sdk/client-ec2'
import type { Place } from './call.ts'

/** The account's own key for new disks; undefined if it is AWS's, or without the permission. */
export async function findOwnDiskKey(place: Place): Promise<string | undefined> {
  const command = new GetEbsDefaultKmsKeyIdCommand()
  const answer = await new EC2Client(place).send(command).catch(() => undefined)
  const key = answer?.KmsKeyId
  return key?.endsWith('alias/aws/ebs') ? undefined : key
}
