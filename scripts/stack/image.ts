import type { Change } from './apply.ts'
import { findImages, type Image } from './aws/amis.ts'
import type { Place } from './aws/call.ts'
import type { Instance } from './aws/ec2-instances.ts'

/**
 * Prints the image of a new instance and, if it replaces another, the image of that: a new instance
 * boots from the newest Debian image.
 * @throws {Error} if this account may not use the new image
 */
export async function printImage(place: Place, changes: Change[], instance: Instance | undefined) {
  for (const line of await imageLines(place, changes, instance)) console.log(`  ${line}`)
}

export async function imageLines(
  place: Place,
  changes: Change[],
  instance: Instance | undefined,
): Promise<string[]> {
  const made = changes.find(({ image }) => image !== undefined)
  if (made?.image === undefined) return []
  const before = instance?.imageId
  const images = await findImages(place, [...new Set([made.image, before ?? made.image])])
  if (images && !images.some(({ id }) => id === made.image)) refuse(made.image, place)
  const after = imageText(made.image, images)
  if (before === undefined) return [`Image: ${after}`]
  const change =
    before === made.image ? `${after}, as before` : `${imageText(before, images)} → ${after}`
  return [
    'The data and the address move to a new instance: a few minutes without the site',
    `Image: ${change}`,
  ]
}

function refuse(image: string, { region }: Place): never {
  const cure = "let Debian's account 136693071363 through Allowed AMIs, if EC2's settings have that"
  throw new Error(
    `Nothing is made: AWS has no image ${image} for this account in ${region}: ${cure}`,
  )
}

function imageText(id: string, images: Image[] | undefined): string {
  const image = images?.find((each) => each.id === id)
  if (image) return `${image.name} of ${image.date} (${id})`
  return images ? `${id}, which AWS no longer has` : id
}
