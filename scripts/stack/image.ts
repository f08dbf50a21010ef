import type { Change } from './apply.ts'
import type { Place } from './aws/ask.ts'
import { findImages, type Image } from './aws/image.ts'
import type { Instance } from './aws/instance.ts'

/**
 * Says what a new instance boots from and, where it takes another's place, what that one had: with
 * a new instance comes the Debian image of today.
 * @throws {Error} where AWS does not give the new image to this account
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
  const after = describe(made.image, images)
  if (before === undefined) return [`Image: ${after}`]
  const change =
    before === made.image ? `${after}, as before` : `${describe(before, images)} → ${after}`
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

function describe(id: string, images: Image[] | undefined): string {
  const image = images?.find((each) => each.id === id)
  if (image) return `${image.name} of ${image.date} (${id})`
  return images ? `${id}, which AWS no longer has` : id
}
