import { UsageError } from '../terminal/command.ts'
import { defaultRegion } from './aws/account.ts'
import type { Place } from './aws/call.ts'
import { placeOf, readSettings } from './settings.ts'
import { findStack } from './workspace.ts'

/** Where a stack is or was: what it leaves behind outlives it. @throws {UsageError} if nothing says */
export async function findPlace(name: string, wanted: string | undefined): Promise<Place> {
  const stack = await findStack(name)
  const known = stack ? placeOf(await readSettings(stack)) : { region: '', profile: undefined }
  const region = wanted || known.region || (await defaultRegion(known.profile))
  if (region) return { ...known, region }
  throw new UsageError(`Which region is or was stack ${name} in? Add --region eu-central-1`)
}
