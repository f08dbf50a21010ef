import { EC2Client, paginateDescribeTags } from '@aws-sdk/client-ec2'
import { call, collect, type Place } from './call.ts'
import { callJson } from './json-call.ts'

/** Something that AWS has with the tags of a stack. */
export interface Tagged {
  id: string
  /** As AWS calls it, such as `elastic-ip`. */
  type: string
  /** The tag Name. */
  name: string
}

interface Owner {
  project: string
  stack: string
}

/** What EC2 has with the tags that everything in a stack gets, but not its snapshots. */
export async function findTagged(place: Place, { project, stack }: Owner): Promise<Tagged[]> {
  const wanted = { Project: project, Stack: stack, Name: `${project}-${stack}-*` }
  const Filters = [
    { Name: 'key', Values: Object.keys(wanted) },
    { Name: 'value', Values: Object.values(wanted) },
  ]
  const pages = paginateDescribeTags({ client: new EC2Client(place) }, { Filters })
  const rows = (await call(collect(pages))).flatMap(({ Tags = [] }) => Tags)
  const byId = Map.groupBy(rows, ({ ResourceId = '' }) => ResourceId)
  return [...byId].flatMap(([id, tags]) => {
    const values = Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]))
    const isOurs = values.Project === project && values.Stack === stack && values.Name
    const type = tags[0]?.ResourceType ?? ''
    return isOurs && type !== 'snapshot' ? [{ id, type, name: values.Name as string }] : []
  })
}

interface Page {
  ResourceTagMappingList: { ResourceARN: string; Tags: { Key: string; Value: string }[] }[]
  PaginationToken?: string
}

/**
 * The same of other services: snapshot policies, topics of SNS, health checks of Route 53, load
 * balancers and certificates.
 */
export async function findTaggedElsewhere(place: Place, owner: Owner): Promise<Tagged[]> {
  // AWS keeps what belongs to no region there.
  const regions = [...new Set([place.region, 'us-east-1'])]
  const found = await Promise.all(regions.map((region) => listIn({ ...place, region }, owner)))
  return found.flat()
}

async function listIn(place: Place, owner: Owner, PaginationToken = ''): Promise<Tagged[]> {
  const body = {
    ResourceTypeFilters: [
      'dlm:policy',
      'sns',
      'route53:healthcheck',
      'elasticloadbalancing',
      'acm:certificate',
    ],
    TagFilters: [
      { Key: 'Project', Values: [owner.project] },
      { Key: 'Stack', Values: [owner.stack] },
    ],
    PaginationToken,
  }
  const request = callJson<Page>(place, {
    service: 'tagging',
    endpoint: `https://tagging.${place.region}.amazonaws.com`,
    version: '1.1',
    target: 'ResourceGroupsTaggingAPI_20170126.GetResources',
    body,
  })
  const { ResourceTagMappingList: mappings, PaginationToken: next } = await call(request)
  const page = mappings.map(({ ResourceARN, Tags }) => ({
    ...identify(ResourceARN),
    name: Tags.find(({ Key }) => Key === 'Name')?.Value ?? '',
  }))
  return next ? [...page, ...(await listIn(place, owner, next))] : page
}

/** Policies and health checks have their ids at the end of the ARN, others have the ARN itself. */
function identify(arn: string): { id: string; type: string } {
  const [type = '', id] = arn.split(':').slice(5).join(':').split('/')
  if (id === undefined) return { id: arn, type: 'topic' }
  return type === 'policy' || type === 'healthcheck' ? { id, type } : { id: arn, type }
}
