import { asCommands } from './explain-pulumi.ts'
import { project } from './settings.ts'

/** The permissions that an instance with encrypted disks needs on a key that is not AWS's. */
export const keyRights =
  'kms:CreateGrant, kms:Decrypt, kms:DescribeKey, kms:GenerateDataKeyWithoutPlaintext and kms:ReEncrypt*'

/** Errors whose cause lies in the account, and their cures. */
const cures: [problem: RegExp, cure: string][] = [
  [
    /provider with url \S*token\.actions\.githubusercontent\.com already exists/i,
    `The account already has GitHub's identity provider: run pulumi config set ${project}:githubProviderArn ARN with the ARN that aws iam list-open-id-connect-providers shows`,
  ],
  [
    /CreateServiceLinkedRole/,
    'Alarms that act on EC2 need a role of CloudWatch, once per account: have an administrator run aws iam create-service-linked-role --aws-service-name events.amazonaws.com',
  ],
  [
    /budgets:|^budgets\.Budget .*(AccessDenied|not authorized)/i,
    `You may not manage budgets: have the root user of the account activate IAM access to billing, or run pulumi config rm ${project}:monthlyBudgetUsd`,
  ],
  [
    /\bkms:|InvalidKMSKey|KMSKey|Client\.InternalError|Client error on launch/,
    `If the account's default EBS key is its own, have its policy allow you ${keyRights}, or run aws ec2 reset-ebs-default-kms-key-id`,
  ],
  [
    /AddressLimitExceeded/,
    'Release an Elastic IP address of this region that nothing uses, or ask for more under Service Quotas',
  ],
  [
    /VpcLimitExceeded|InternetGatewayLimitExceeded/,
    'Delete a VPC of this region that nothing uses, or ask for more under Service Quotas',
  ],
  [
    /VcpuLimitExceeded/,
    'Stop another instance of this region, or ask for more under Service Quotas',
  ],
  [
    /InsufficientInstanceCapacity/,
    `Try again later, run pulumi config set ${project}:instanceType TYPE with another type, or move to a zone that has it: npx onebox destroy, and npx onebox up with --zone ZONE, and --restore SNAPSHOT if there is data`,
  ],
  [
    /not eligible for Free Tier/,
    `The account has AWS's Free plan: run pulumi config set ${project}:instanceType t4g.micro, or t3.micro for x64`,
  ],
  [/PendingVerification/, 'AWS is still verifying the account for this region: wait for its mail'],
]

/** The cure for an error of AWS, as a sentence without its full stop; undefined if unknown. */
export function cureFor(reason: string, stack: string): string | undefined {
  const cure = cures.find(([problem]) => problem.test(reason))?.[1]
  return cure && asCommands(cure, stack)
}
