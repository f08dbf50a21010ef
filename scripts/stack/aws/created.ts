import {
  DescribeAddressesCommand,
  DescribeInstanceConnectEndpointsCommand,
  DescribeInstancesCommand,
  DescribeInternetGatewaysCommand,
  DescribeLaunchTemplatesCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcsCommand,
  EC2Client,
  type Filter,
} from '@aws-sdk/client-ec2'
import { call, type Place } from './call.ts'

/** What was to be created. */
// biome-ignore lint/suspicious/noExplicitAny: as the provider has it
type Inputs = Record<string, any>

type Find = (ec2: EC2Client, filters: Filter[], inputs: Inputs) => Promise<(string | undefined)[]>

const dayMs = 86_400_000

/**
 * How each type is found by its tags. Another stack in this account may have the same name and tags, so
 * each must also be what only a new one can be: in the stack's own network, or not used by anything.
 */
const finds: Record<string, Find> = {
  async 'aws:ec2/instance:Instance'(ec2, filters, { subnetId }) {
    const states = filter('instance-state-name', 'pending', 'running', 'stopping', 'stopped')
    const Filters = [...filters, states, filter('subnet-id', subnetId)]
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ Filters }))
    return Reservations.flatMap(({ Instances = [] }) => Instances).map((each) => each.InstanceId)
  },

  async 'aws:ebs/volume:Volume'(ec2, filters) {
    const Filters = [...filters, filter('status', 'creating', 'available')]
    const { Volumes = [] } = await ec2.send(new DescribeVolumesCommand({ Filters }))
    const isNew = (time: Date | undefined) => Date.now() - Number(time) < dayMs
    return Volumes.filter((each) => isNew(each.CreateTime)).map((each) => each.VolumeId)
  },

  async 'aws:ec2/eip:Eip'(ec2, Filters) {
    const { Addresses = [] } = await ec2.send(new DescribeAddressesCommand({ Filters }))
    return Addresses.filter((each) => !each.AssociationId).map((each) => each.AllocationId)
  },

  async 'aws:ec2/vpc:Vpc'(ec2, Filters) {
    const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({ Filters }))
    const ids = Vpcs.map(({ VpcId = '' }) => VpcId)
    if (ids.length === 0) return []
    const inside = { Filters: [filter('vpc-id', ...ids)] }
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand(inside))
    return ids.filter((id) => !Subnets.some(({ VpcId }) => VpcId === id))
  },

  async 'aws:ec2/subnet:Subnet'(ec2, filters, { vpcId }) {
    const Filters = [...filters, filter('vpc-id', vpcId)]
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ Filters }))
    return Subnets.map((each) => each.SubnetId)
  },

  async 'aws:ec2/securityGroup:SecurityGroup'(ec2, filters, { vpcId }) {
    const Filters = [...filters, filter('vpc-id', vpcId)]
    const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters }))
    return SecurityGroups.map((each) => each.GroupId)
  },

  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': findRules,
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': findRules,

  async 'aws:ec2/internetGateway:InternetGateway'(ec2, filters, { vpcId }) {
    const Filters = [...filters, filter('attachment.vpc-id', vpcId)]
    const command = new DescribeInternetGatewaysCommand({ Filters })
    const { InternetGateways = [] } = await ec2.send(command)
    return InternetGateways.map((each) => each.InternetGatewayId)
  },

  async 'aws:ec2/routeTable:RouteTable'(ec2, filters, { vpcId }) {
    const Filters = [...filters, filter('vpc-id', vpcId)]
    const { RouteTables = [] } = await ec2.send(new DescribeRouteTablesCommand({ Filters }))
    return RouteTables.map((each) => each.RouteTableId)
  },

  async 'aws:ec2/launchTemplate:LaunchTemplate'(ec2, filters, { name }) {
    const Filters = [...filters, filter('launch-template-name', name)]
    const command = new DescribeLaunchTemplatesCommand({ Filters })
    const { LaunchTemplates = [] } = await ec2.send(command)
    return LaunchTemplates.map((each) => each.LaunchTemplateId)
  },

  async 'aws:ec2/vpcEndpoint:VpcEndpoint'(ec2, filters, { vpcId }) {
    const Filters = [...filters, filter('vpc-id', vpcId)]
    const { VpcEndpoints = [] } = await ec2.send(new DescribeVpcEndpointsCommand({ Filters }))
    return VpcEndpoints.map((each) => each.VpcEndpointId)
  },

  async 'aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint'(
    ec2,
    filters,
    { subnetId },
  ) {
    const Filters = [...filters, filter('subnet-id', subnetId)]
    const command = new DescribeInstanceConnectEndpointsCommand({ Filters })
    const { InstanceConnectEndpoints = [] } = await ec2.send(command)
    return InstanceConnectEndpoints.filter(({ State }) => !State?.startsWith('delete')).map(
      (each) => each.InstanceConnectEndpointId,
    )
  },

  /** It has no tags, but a subnet has only one. */
  async 'aws:ec2/routeTableAssociation:RouteTableAssociation'(ec2, _, { subnetId }) {
    const Filters = [filter('association.subnet-id', subnetId)]
    const { RouteTables = [] } = await ec2.send(new DescribeRouteTablesCommand({ Filters }))
    return RouteTables.flatMap(({ Associations = [] }) => Associations)
      .filter((each) => each.SubnetId === subnetId)
      .map((each) => each.RouteTableAssociationId)
  },
}

async function findRules(ec2: EC2Client, filters: Filter[], { securityGroupId }: Inputs) {
  const Filters = [...filters, filter('group-id', securityGroupId)]
  const command = new DescribeSecurityGroupRulesCommand({ Filters })
  const { SecurityGroupRules = [] } = await ec2.send(command)
  return SecurityGroupRules.map((each) => each.SecurityGroupRuleId)
}

/** The ids of what EC2 has of a type that a run was creating from these inputs. */
export async function findCreated(place: Place, type: string, inputs: Inputs): Promise<string[]> {
  const tags = Object.entries<string>(inputs.tags ?? {})
  const filters = tags.map(([key, value]) => filter(`tag:${key}`, value))
  const find = finds[type]
  const ids = find ? await call(find(new EC2Client(place), filters, inputs)) : []
  return ids.filter((id) => id !== undefined)
}

/** Whether EC2 gives things of this type their ids. */
export function isOfEc2(type: string): boolean {
  return Object.hasOwn(finds, type)
}

function filter(Name: string, ...Values: string[]): Filter {
  return { Name, Values }
}
