import { EC2Client, paginateDescribeImages } from '@aws-sdk/client-ec2'
import { callIfAllowed, collect, type Place } from './call.ts'

export interface Image {
  id: string
  name: string
  /** Such as `2026-11-01`. */
  date: string
}

/** Those of the ids that an instance can boot from; undefined without the permission. */
export async function findImages(place: Place, ids: string[]): Promise<Image[] | undefined> {
  // Asked by id, AWS answers with an error for all if it lacks one.
  const Filters = [{ Name: 'image-id', Values: ids }]
  // Deprecated images still boot.
  const input = { Filters, IncludeDeprecated: true }
  const pages = paginateDescribeImages({ client: new EC2Client(place) }, input)
  const answer = await callIfAllowed(collect(pages))
  return answer
    ?.flatMap(({ Images = [] }) => Images)
    .filter(({ State }) => State === 'available')
    .map(({ ImageId = '', Name = '', CreationDate = '' }) => {
      return { id: ImageId, name: Name, date: CreationDate.slice(0, 10) }
    })
}
