import type { FakeAws } from './aws-api.ts'
import { ec2, filtersOf, type Reply } from './aws-replies.ts'
import type { CloudResource } from './pulumi/provider.ts'

/** By action: of which types, what AWS calls the list of them, and the id of each. */
const kinds: Record<string, [types: RegExp, list: string, id: string]> = {
  DescribeAddresses: [/:Eip$/, 'addressesSet', 'allocationId'],
  DescribeInternetGateways: [/:InternetGateway$/, 'internetGatewaySet', 'internetGatewayId'],
  DescribeLaunchTemplates: [/:LaunchTemplate$/, 'launchTemplates', 'launchTemplateId'],
  DescribeRouteTables: [/:RouteTable$/, 'routeTableSet', 'routeTableId'],
  DescribeSecurityGroupRules: [/gressRule$/, 'securityGroupRuleSet', 'securityGroupRuleId'],
  DescribeSecurityGroups: [/:SecurityGroup$/, 'securityGroupInfo', 'groupId'],
  DescribeSubnets: [/:Subnet$/, 'subnetSet', 'subnetId'],
  DescribeVolumes: [/:Volume$/, 'volumeSet', 'volumeId'],
  DescribeVpcEndpoints: [/:VpcEndpoint$/, 'vpcEndpointSet', 'vpcEndpointId'],
  DescribeVpcs: [/:Vpc$/, 'vpcSet', 'vpcId'],
}

type Made = CloudResource & { at: Date }

/** Whatever else AWS says of each. */
const details: Record<string, (aws: FakeAws, resource: Made) => string> = {
  DescribeAddresses({ addresses, instances }, { id }) {
    const isUsed = instances.some(({ ip }) => ip !== '' && ip === addresses.get(id))
    return isUsed ? '<associationId>eipassoc-0</associationId>' : ''
  },
  DescribeRouteTables(aws, { id: table }) {
    const items = associationsOf(aws, table).map(({ id, inputs: { subnetId } }) => {
      return `<item><routeTableAssociationId>${id}</routeTableAssociationId><subnetId>${subnetId}</subnetId></item>`
    })
    return `<associationSet>${items.join('')}</associationSet>`
  },
  DescribeSubnets: (_, { inputs }) => `<vpcId>${inputs.vpcId}</vpcId>`,
  DescribeVolumes: (_, { at }) => `<createTime>${at.toISOString()}</createTime>`,
}

/** What EC2 answers to such an action; undefined for others. */
export function describe(
  aws: FakeAws,
  action: string,
  parameters: URLSearchParams,
): Reply | undefined {
  if (!kinds[action]) return undefined
  const [types, list, id] = kinds[action]
  const items = findByFilters(aws, types, parameters).map((each) => {
    return `<item><${id}>${each.id}</${id}>${details[action]?.(aws, each) ?? ''}</item>`
  })
  return ec2(action, `<${list}>${items.join('')}</${list}>`)
}

/** Those of these types that EC2 lists already and that pass every filter. */
export function findByFilters(aws: FakeAws, types: RegExp, parameters: URLSearchParams): Made[] {
  const filters = [...filtersOf(parameters)]
  return [...aws.resources.values()].filter((each) => {
    const isListed = each.at.getTime() + aws.lagMs <= Date.now()
    const facts = factsOf(aws, each)
    const fits = filters.every(([name, values]) => values.includes(facts[name] ?? ''))
    return types.test(each.type) && isListed && fits
  })
}

function factsOf(aws: FakeAws, { id, inputs }: CloudResource): Record<string, string | undefined> {
  const tags = Object.entries<string>(inputs.tags ?? {})
  const isUsed = aws.instances.some(({ volumeIds }) => volumeIds.includes(id))
  return {
    ...Object.fromEntries(tags.map(([key, value]) => [`tag:${key}`, value])),
    'vpc-id': inputs.vpcId ?? id,
    'attachment.vpc-id': inputs.vpcId,
    'subnet-id': inputs.subnetId,
    'launch-template-name': inputs.name,
    'group-id': inputs.securityGroupId,
    'association.subnet-id': associationsOf(aws, id)[0]?.inputs.subnetId,
    'instance-state-name': aws.instances.find((each) => each.id === id)?.state,
    status: isUsed ? 'in-use' : 'available',
  }
}

function associationsOf({ resources }: FakeAws, routeTableId: string): CloudResource[] {
  return [...resources.values()].filter(({ type, inputs }) => {
    return type.endsWith(':RouteTableAssociation') && inputs.routeTableId === routeTableId
  })
}
