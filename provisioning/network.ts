import * as aws from '@pulumi/aws'
import type { Config } from './config.ts'
import { assertOffered, type Machine } from './machine.ts'

export interface Network {
  subnet: aws.ec2.Subnet
  securityGroup: aws.ec2.SecurityGroup
  /** Access to S3 without a public address. */
  s3: aws.ec2.VpcEndpoint
  /** Access to everything else. */
  internet: aws.ec2.Route
  /** The way in for SSH without an open port, if it is wanted. */
  sshEndpoint: aws.ec2transitgateway.InstanceConnectEndpoint | undefined
}

const everywhere = '0.0.0.0/0'

/** A network of its own, because an account may have no default one. */
export function createNetwork(
  config: Config,
  machine: Machine,
  { availabilityZone }: aws.ebs.Volume,
): Network {
  const vpc = new aws.ec2.Vpc('vpc', { cidrBlock: '10.0.0.0/24' })
  const subnet = new aws.ec2.Subnet('subnet', {
    vpcId: vpc.id,
    cidrBlock: '10.0.0.0/24',
    availabilityZone: availabilityZone.apply((zone) => assertOffered(zone, machine, config)),
    mapPublicIpOnLaunch: false,
  })
  const securityGroup = createSecurityGroup(config, vpc)
  const sshEndpoint = config.sshEndpoint ? createEndpoint(subnet, securityGroup) : undefined
  return { subnet, securityGroup, sshEndpoint, ...createRoutes(config, vpc, subnet) }
}

/** Who may use it is up to IAM: it accepts connections whatever its group says. */
function createEndpoint(subnet: aws.ec2.Subnet, server: aws.ec2.SecurityGroup) {
  const group = new aws.ec2.SecurityGroup('ssh-endpoint', {
    vpcId: subnet.vpcId,
    description: 'What the endpoint for SSH may reach',
  })
  new aws.vpc.SecurityGroupEgressRule('ssh-out', {
    securityGroupId: group.id,
    ...onlyTcp(22),
    referencedSecurityGroupId: server.id,
    description: 'ssh to the server',
  })
  new aws.vpc.SecurityGroupIngressRule('ssh-in-endpoint', {
    securityGroupId: server.id,
    ...onlyTcp(22),
    referencedSecurityGroupId: group.id,
    description: 'ssh from the endpoint',
  })
  return new aws.ec2transitgateway.InstanceConnectEndpoint(
    'ssh',
    { subnetId: subnet.id, securityGroupIds: [group.id], preserveClientIp: false },
    // A network can have only one.
    { deleteBeforeReplace: true },
  )
}

function createRoutes({ region }: Config, vpc: aws.ec2.Vpc, subnet: aws.ec2.Subnet) {
  const gateway = new aws.ec2.InternetGateway('internet', { vpcId: vpc.id })
  const table = new aws.ec2.RouteTable('routes', { vpcId: vpc.id })
  const internet = new aws.ec2.Route('internet', {
    routeTableId: table.id,
    destinationCidrBlock: everywhere,
    gatewayId: gateway.id,
  })
  // Free. A new instance fetches its release through it before it has a public address.
  const s3 = new aws.ec2.VpcEndpoint('s3', {
    vpcId: vpc.id,
    serviceName: `com.amazonaws.${region}.s3`,
    routeTableIds: [table.id],
  })
  new aws.ec2.RouteTableAssociation('routes', { routeTableId: table.id, subnetId: subnet.id })
  return { internet, s3 }
}

/**
 * DNS, time and metadata need no rule: security groups do not apply to AWS's addresses for them.
 * https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
 */
function createSecurityGroup({ sshFrom }: Config, vpc: aws.ec2.Vpc): aws.ec2.SecurityGroup {
  new aws.ec2.DefaultSecurityGroup('unused', { vpcId: vpc.id, ingress: [], egress: [] })
  const group = new aws.ec2.SecurityGroup('server', {
    vpcId: vpc.id,
    description: 'What may reach the server, and what it may reach',
  })
  for (const [service, port] of Object.entries({ http: 80, https: 443 })) {
    const range = { securityGroupId: group.id, ...onlyTcp(port), cidrIpv4: everywhere }
    new aws.vpc.SecurityGroupIngressRule(`${service}-in`, {
      ...range,
      description: `${service} from everywhere`,
    })
    new aws.vpc.SecurityGroupEgressRule(`${service}-out`, {
      ...range,
      description: `${service} to everywhere, for releases and security updates`,
    })
  }
  for (const cidrIpv4 of sshFrom) {
    new aws.vpc.SecurityGroupIngressRule(`ssh-in-${cidrIpv4}`, {
      securityGroupId: group.id,
      ...onlyTcp(22),
      cidrIpv4,
      description: `ssh from ${cidrIpv4}`,
    })
  }
  return group
}

function onlyTcp(port: number) {
  return { ipProtocol: 'tcp', fromPort: port, toPort: port }
}
