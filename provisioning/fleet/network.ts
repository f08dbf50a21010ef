import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Config } from '../config.ts'
import type { Machine } from '../machine.ts'
import {
  allow,
  createGatewayEndpoint,
  createRoutes,
  createServerGroup,
  createSshEndpoint,
  openToWorld,
} from '../network.ts'

export interface FleetNetwork {
  /** In a zone each. */
  subnets: aws.ec2.Subnet[]
  server: aws.ec2.SecurityGroup
  balancer: aws.ec2.SecurityGroup
  /** Access to S3 and DynamoDB that does not leave AWS's network. */
  s3: aws.ec2.VpcEndpoint
  dynamodb: aws.ec2.VpcEndpoint
  /** Access to everything else, which a load balancer needs as well. */
  internet: aws.ec2.Route
  associations: aws.ec2.RouteTableAssociation[]
  sshEndpoint: aws.ec2transitgateway.InstanceConnectEndpoint | undefined
}

export const networkCidr = '10.0.0.0/24'

// Each zone costs an address of the load balancer.
const zonesLimit = 3

/**
 * The world reaches the load balancer, which alone reaches the servers. They have public addresses, as
 * these cost less than a NAT gateway, but nothing is open on them.
 */
export function createFleetNetwork(config: Config, machine: Machine): FleetNetwork {
  const vpc = new aws.ec2.Vpc('vpc', { cidrBlock: networkCidr })
  const subnets = chooseZones(config, machine).map((zone) => createSubnet(vpc, zone))
  const server = createServerGroup(config, vpc)
  const balancer = createBalancerGroup(config, vpc, server)
  const byName = subnets.map(({ letter, subnet }) => [`routes-${letter}`, subnet] as const)
  const { table, ...routes } = createRoutes(config, vpc, Object.fromEntries(byName))
  const [first] = subnets
  return {
    subnets: subnets.map(({ subnet }) => subnet),
    server,
    balancer,
    ...routes,
    dynamodb: createGatewayEndpoint(config, 'dynamodb', { vpc, table }),
    sshEndpoint: first && createSshEndpoint(config, first.subnet, server),
  }
}

/** @throws {Error} if fewer than two zones offer the instance type */
function chooseZones({ project, instanceType, region, machines }: Config, { zones }: Machine) {
  if (zones.length > 1) return zones.slice(0, Math.min(machines, zonesLimit))
  const what = `${project}:machines needs two zones, and ${region} has ${instanceType} only in ${zones}`
  throw new pulumi.RunError(
    `${what}: choose another with pulumi config set ${project}:instanceType`,
  )
}

/** A zone's own eighth of the network, so that it stays the same when zones are added. */
function createSubnet(vpc: aws.ec2.Vpc, zone: string) {
  const letter = zone.slice(-1)
  const eighth = letter.charCodeAt(0) - 'a'.charCodeAt(0)
  const subnet = new aws.ec2.Subnet(`subnet-${letter}`, {
    vpcId: vpc.id,
    cidrBlock: `10.0.0.${32 * eighth}/27`,
    availabilityZone: zone,
    mapPublicIpOnLaunch: false,
  })
  return { letter, subnet }
}

function createBalancerGroup({ domain }: Config, vpc: aws.ec2.Vpc, server: aws.ec2.SecurityGroup) {
  const group = new aws.ec2.SecurityGroup('balancer', {
    vpcId: vpc.id,
    description: 'What may reach the load balancer, and what it may reach',
  })
  openToWorld(group, domain === '' ? ['http'] : ['http', 'https'])
  allow(80, {
    from: { group, rule: 'balancer-out', description: 'http to the servers' },
    to: { group: server, rule: 'balancer-in', description: 'http from the load balancer' },
  })
  return group
}
