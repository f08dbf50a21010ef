import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { readHealth } from '../site/health.ts'
import { listReleases, type StoredRelease } from './aws/stored-releases.ts'
import type { Outputs } from './outputs.ts'
import { placeOf, readSettings, settingOf } from './settings.ts'

export interface KnownRelease extends StoredRelease {
  /** Whether workers run it. */
  isLive: boolean
  /** Whether the instance should run it. */
  isWanted: boolean
  /** Whether a rollback pinned the stack to it. */
  isPinned: boolean
}

/** The releases that can be gone back to, newest first. */
export async function findReleases(stack: Stack, outputs: Outputs): Promise<KnownRelease[]> {
  const settings = await readSettings(stack)
  const stored = await listReleases(placeOf(settings), outputs.bucket)
  const live = await liveReleases(outputs)
  return stored.map((release) => ({
    ...release,
    isLive: live.includes(release.id),
    isWanted: release.id === outputs.release,
    isPinned: release.id === settingOf(settings, 'release'),
  }))
}

/** None if the site does not answer: then too somebody may want to roll back. */
async function liveReleases({ url }: Outputs): Promise<string[]> {
  const health = await readHealth(url).catch(() => undefined)
  return health?.workers.map(({ release }) => release) ?? []
}
