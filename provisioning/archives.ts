import * as pulumi from '@pulumi/pulumi'
import type { Archive } from '../scripts/build/archive.ts'
import { buildRelease } from '../scripts/build/release.ts'
import { buildRuntime } from '../scripts/build/runtime.ts'
import type { Config } from './config.ts'

export interface Archives {
  runtime: Archive
  /** None where an earlier release is wanted: what is in this folder may be what it is to cure. */
  release: Archive | undefined
}

/** Builds what the instance shall run, before anything is made that would then have nothing to run. */
export async function buildArchives({ architecture, release }: Config): Promise<Archives> {
  const platform = `linux-${architecture}` as const
  try {
    const runtime = await buildRuntime({ platform, say: (text) => pulumi.log.info(text) })
    return { runtime, release: release === '' ? await buildRelease({ platform }) : undefined }
  } catch (error) {
    throw new pulumi.RunError((error as Error).message)
  }
}
