import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { type Architecture, type Config, smallestTypes } from './config.ts'

export interface Machine {
  /** The zones that offer its type, in alphabetical order. */
  zones: string[]
  /** Whether it earns and spends CPU credits. */
  isBurstable: boolean
  ami: string
}

/** AWS's and Debian's names for our architectures. */
const names = {
  arm64: { aws: 'arm64', debian: 'arm64' },
  x64: { aws: 'x86_64', debian: 'amd64' },
} satisfies Record<Architecture, object>

/**
 * Looks up the instance type and the image before anything is created.
 * @throws {Error} if the type is not available or cannot run onebox
 */
export async function lookUpMachine(config: Config): Promise<Machine> {
  const zones = await findZones(config)
  const isBurstable = await checkType(config)
  // The other output, `value`, is always a secret.
  const { insecureValue: ami } = await aws.ssm.getParameter({ name: debianImage(config) })
  return { zones, isBurstable, ami }
}

/** The parameter in which Debian publishes the id of its newest image. */
export function debianImage({ architecture }: Config): string {
  return `/aws/service/debian/release/13/latest/${names[architecture].debian}`
}

/** Not every zone of a region offers every type. */
async function findZones(config: Config): Promise<string[]> {
  const { project, instanceType, region } = config
  const { locations } = await aws.ec2.getInstanceTypeOfferings({
    locationType: 'availability-zone',
    filters: [{ name: 'instance-type', values: [instanceType] }],
  })
  // Local zones have longer names, other prices and fewer services.
  const zones = locations.filter((zone) => zone.length === region.length + 1).sort()
  if (zones.length > 0) return zones
  const what = `${project}:instanceType ${instanceType}`
  throw new pulumi.RunError(`${what} is not available in ${region}: ${otherType(config)}`)
}

/** @throws {Error} if the volume's zone does not offer the instance type */
export function assertOffered(zone: string, { zones }: Machine, config: Config): string {
  if (zones.includes(zone)) return zone
  const { project, instanceType } = config
  const what = `${project}:instanceType ${instanceType} is not available in ${zone}`
  const cure = `choose another type or, for a new volume, pulumi config set ${project}:availabilityZone ${zones[0]}`
  throw new pulumi.RunError(`${what}, only in ${zones.join(', ')}: ${cure}`)
}

/** Suggests the smallest type of the architecture or, if that is missing, the other architecture. */
function otherType({ project, instanceType, architecture }: Config): string {
  const smallest = smallestTypes[architecture]
  if (instanceType !== smallest) return `pulumi config set ${project}:instanceType ${smallest}`
  return `pulumi config set ${project}:architecture ${otherArchitecture(architecture)}`
}

function otherArchitecture(architecture: Architecture): Architecture {
  return architecture === 'arm64' ? 'x64' : 'arm64'
}

async function checkType({ project, instanceType, architecture }: Config): Promise<boolean> {
  const type = await aws.ec2.getInstanceType({ instanceType })
  const what = `${project}:instanceType ${instanceType}`
  if (!type.supportedArchitectures.includes(names[architecture].aws)) {
    const other = otherArchitecture(architecture)
    const cure = `choose another, or pulumi config set ${project}:architecture ${other}`
    throw new pulumi.RunError(`${what} must have an ${architecture} CPU: ${cure}`)
  }
  // The instance finds its data volume by the serial number of an NVMe device.
  if (type.ebsNvmeSupport === 'unsupported') {
    const cure = `choose a Nitro type, such as ${smallestTypes[architecture]}`
    throw new pulumi.RunError(`${what} must have NVMe volumes: ${cure}`)
  }
  return type.burstablePerformanceSupported
}
