import * as pulumi from '@pulumi/pulumi'
import type { Config } from './config.ts'
import type { Archive } from './packaging/archive.ts'
import { buildRelease } from './packaging/release.ts'
import { buildRuntime } from './packaging/runtime.ts'

export interface Archives {
  runtime: Archive
  /** Undefined for an earlier release: this folder may not even build. */
  release: Archive | undefined
}

/** Builds the archives first: if that fails, nothing has been created yet. */
export async function buildArchives({ architecture, release }: Config): Promise<Archives> {
  const platform = `linux-${architecture}` as const
  try {
    const runtime = await buildRuntime({ platform, onStep: (text) => pulumi.log.info(text) })
    return { runtime, release: release === '' ? await buildRelease({ platform }) : undefined }
  } catch (error) {
    throw new pulumi.RunError((error as Error).message)
  }
}
