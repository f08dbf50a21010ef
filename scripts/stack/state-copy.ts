import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { styleText } from 'node:util'
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { type Bucket, findBuckets, readText, writeText } from './aws/buckets.ts'
import type { Place } from './aws/call.ts'
import { isOnThisMachine, settingsFile } from './backend.ts'
import { type Deployment, readDeployment } from './deployment.ts'
import { placeOf, project, readSettings } from './settings.ts'

/**
 * A copy of Pulumi's state and of the settings, in the stack's own bucket, for when this machine is
 * lost. Its secrets are encrypted with the passphrase, which is never in it. The instance may not
 * read it.
 */
export interface StateCopy {
  savedAt: string
  savedBy: string
  deployment: Deployment
  /** The text of Pulumi.STACK.yaml. */
  settings: string
}

export interface FoundCopy {
  bucket: Bucket
  copy: StateCopy
}

const key = 'state.json'

/** Updates the copy if the state is on this machine. If that fails, it only prints why. */
export async function saveCopy(stack: Stack) {
  if (!isOnThisMachine(stack.name)) return
  try {
    const deployment = await readDeployment(stack)
    const place = placeOf(await readSettings(stack))
    const bucket = bucketOf(deployment, place)
    if (bucket) await writeText(place, bucket, key, JSON.stringify(copyOf(stack, deployment)))
  } catch (error) {
    const problem = `The copy of Pulumi's state is not up to date: ${(error as Error).message}`
    console.log(styleText('yellow', `! ${problem}`))
  }
}

function copyOf({ name }: Stack, deployment: Deployment): StateCopy {
  const savedBy = `${userInfo().username}@${hostname()}`
  const settings = readFileSync(settingsFile(name), 'utf8')
  return { savedAt: new Date().toISOString(), savedBy, deployment, settings }
}

/** @throws {Error} if another machine has changed the stack since this one did */
export async function assertLatest(stack: Stack, place: Place, known: Deployment) {
  const bucket = isOnThisMachine(stack.name) ? bucketOf(known, place) : undefined
  if (bucket === undefined) return
  const copy = await readCopy(place, bucket)
  if (copy === undefined || !isNewer(copy.deployment, known)) return
  const cure = `npx onebox recover --stack ${stack.name} fetches that state`
  throw new Error(
    `Stack ${stack.name} was changed by ${copy.savedBy} at ${copy.savedAt}, from another state: ${cure}`,
  )
}

export function isNewer(one: Deployment, other: Deployment): boolean {
  return Date.parse(one.manifest.time) > Date.parse(other.manifest.time)
}

/** The copies of a stack, also of another one of the same name. */
export async function findCopies(place: Place, stack: string): Promise<FoundCopy[]> {
  const prefix = `${project}-${stack}-releases-`
  const buckets = await findBuckets(place, prefix)
  const own = buckets.filter(({ name }) => /^[\da-f]{7}$/.test(name.slice(prefix.length)))
  const found = await Promise.all(
    own.map(async (bucket) => ({ bucket, copy: await readCopy(place, bucket) })),
  )
  return found.filter((each): each is FoundCopy => each.copy !== undefined)
}

async function readCopy(place: Place, bucket: Bucket): Promise<StateCopy | undefined> {
  const content = await readText(place, bucket, key)
  return content === undefined ? undefined : JSON.parse(content)
}

function bucketOf({ resources = [] }: Deployment, { region }: Place): Bucket | undefined {
  const found = resources.find(({ type, urn, delete: isOld }) => {
    return type === 'aws:s3/bucket:Bucket' && urn.endsWith('::releases') && !isOld
  })
  return found && { name: found.id, region }
}
