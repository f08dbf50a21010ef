import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Architecture, Config } from './config.ts'

export interface Machine {
  availabilityZone: string
  /** Whether it earns and spends CPU credits. */
  isBurstable: boolean
  ami: string
}

/** What AWS and Debian call our architectures. */
const names = {
  arm64: { aws: 'arm64', debian: 'arm64' },
  x64: { aws: 'x86_64', debian: 'amd64' },
} satisfies Record<Architecture, object>

/**
 * Asks AWS what has to be known of the instance before anything is made.
 * @throws {Error} where its type cannot be had or would not run onebox
 */
export async function describeMachine(config: Config): Promise<Machine> {
  const availabilityZone = await findZone(config)
  const isBurstable = await checkType(config)
  const { debian } = names[config.architecture]
  const name = `/aws/service/debian/release/13/latest/${debian}`
  // The other output, `value`, is always a secret.
  const { insecureValue: ami } = await aws.ssm.getParameter({ name })
  return { availabilityZone, isBurstable, ami }
}

/** Not every zone of a region has every type. */
async function findZone({ project, instanceType, region }: Config): Promise<string> {
  const { locations } = await aws.ec2.getInstanceTypeOfferings({
    locationType: 'availability-zone',
    filters: [{ name: 'instance-type', values: [instanceType] }],
  })
  // Local zones have longer names, other prices and fewer services.
  const zones = locations.filter((zone) => zone.length === region.length + 1).sort()
  if (zones[0]) return zones[0]
  const cure = `pulumi config set ${project}:instanceType t3.nano`
  throw new pulumi.RunError(
    `${project}:instanceType ${instanceType} is not to be had in ${region}: ${cure}`,
  )
}

async function checkType({ project, instanceType, architecture }: Config): Promise<boolean> {
  const type = await aws.ec2.getInstanceType({ instanceType })
  const what = `${project}:instanceType ${instanceType}`
  if (!type.supportedArchitectures.includes(names[architecture].aws)) {
    const other = architecture === 'arm64' ? 'x64' : 'arm64'
    const cure = `choose another, or pulumi config set ${project}:architecture ${other}`
    throw new pulumi.RunError(`${what} must have an ${architecture} CPU: ${cure}`)
  }
  // The instance finds its data volume by the serial number of an NVMe device.
  if (type.ebsNvmeSupport === 'unsupported') {
    throw new pulumi.RunError(
      `${what} must have NVMe volumes: choose one of the Nitro system, such as t3.nano`,
    )
  }
  return type.burstablePerformanceSupported
}
