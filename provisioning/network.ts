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
  const securityGroup = createServerGroup(config, vpc)
  openToWorld(securityGroup, ['http', 'https'])
  const sshEndpoint = createSshEndpoint(config, subnet, securityGroup)
  return { subnet, securityGroup, sshEndpoint, ...createRoutes(config, vpc, { routes: subnet }) }
}

/** Who may use it is up to IAM: it accepts connections whatever its group says. */
export function createSshEndpoint(
  { sshEndpoint }: Config,
  subnet: aws.ec2.Subnet,
  server: aws.ec2.SecurityGroup,
) {
  if (!sshEndpoint) return undefined
  const group = new aws.ec2.SecurityGroup('ssh-endpoint', {
    vpcId: subnet.vpcId,
    description: 'What the endpoint for SSH may reach',
  })
  allow(22, {
    from: { group, rule: 'ssh-out', description: 'ssh to the server' },
    to: { group: server, rule: 'ssh-in-endpoint', description: 'ssh from the endpoint' },
  })
  return new aws.ec2transitgateway.InstanceConnectEndpoint(
    'ssh',
    { subnetId: subnet.id, securityGroupIds: [group.id], preserveClientIp: false },
    // A network can have only one.
    { deleteBeforeReplace: true },
  )
}

interface End {
  group: aws.ec2.SecurityGroup
  /** The name of the rule in this group. */
  rule: string
  description: string
}

/** Lets one group connect to another: it may leave the first and enter the second. */
export function allow(port: number, { from, to }: { from: End; to: End }) {
  new aws.vpc.SecurityGroupEgressRule(from.rule, {
    securityGroupId: from.group.id,
    ...onlyTcp(port),
    referencedSecurityGroupId: to.group.id,
    description: from.description,
  })
  new aws.vpc.SecurityGroupIngressRule(to.rule, {
    securityGroupId: to.group.id,
    ...onlyTcp(port),
    referencedSecurityGroupId: from.group.id,
    description: to.description,
  })
}

/** To the internet, and to S3; `subnets` by the name of their association. */
export function createRoutes(
  config: Config,
  vpc: aws.ec2.Vpc,
  subnets: Record<string, aws.ec2.Subnet>,
) {
  const gateway = new aws.ec2.InternetGateway('internet', { vpcId: vpc.id })
  const table = new aws.ec2.RouteTable('routes', { vpcId: vpc.id })
  const internet = new aws.ec2.Route('internet', {
    routeTableId: table.id,
    destinationCidrBlock: everywhere,
    gatewayId: gateway.id,
  })
  // Free. A new instance fetches its release through it before it has a public address.
  const s3 = createGatewayEndpoint(config, 's3', { vpc, table })
  const associations = Object.entries(subnets).map(
    ([name, { id }]) =>
      new aws.ec2.RouteTableAssociation(name, { routeTableId: table.id, subnetId: id }),
  )
  return { internet, s3, table, associations }
}

export function createGatewayEndpoint(
  { region }: Config,
  service: 's3' | 'dynamodb',
  { vpc, table }: { vpc: aws.ec2.Vpc; table: aws.ec2.RouteTable },
): aws.ec2.VpcEndpoint {
  return new aws.ec2.VpcEndpoint(service, {
    vpcId: vpc.id,
    serviceName: `com.amazonaws.${region}.${service}`,
    routeTableIds: [table.id],
  })
}

const ports = { http: 80, https: 443 }
type Service = keyof typeof ports

/**
 * What the server may reach, and SSH. DNS, time and metadata need no rule: security groups do not apply
 * to AWS's addresses for them.
 * https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
 */
export function createServerGroup({ sshFrom }: Config, vpc: aws.ec2.Vpc): aws.ec2.SecurityGroup {
  new aws.ec2.DefaultSecurityGroup('unused', { vpcId: vpc.id, ingress: [], egress: [] })
  const group = new aws.ec2.SecurityGroup('server', {
    vpcId: vpc.id,
    description: 'What may reach the server, and what it may reach',
  })
  for (const [service, port] of Object.entries(ports)) {
    new aws.vpc.SecurityGroupEgressRule(`${service}-out`, {
      securityGroupId: group.id,
      ...onlyTcp(port),
      cidrIpv4: everywhere,
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

export function openToWorld({ id }: aws.ec2.SecurityGroup, services: Service[]) {
  for (const service of services) {
    new aws.vpc.SecurityGroupIngressRule(`${service}-in`, {
      securityGroupId: id,
      ...onlyTcp(ports[service]),
      cidrIpv4: everywhere,
      description: `${service} from everywhere`,
    })
  }
}

function onlyTcp(port: number) {
  return { ipProtocol: 'tcp', fromPort: port, toPort: port }
}
