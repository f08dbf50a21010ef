import { hash } from 'node:crypto'
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Archives } from './archives.ts'
import { createBucket } from './bucket.ts'
import type { Config } from './config.ts'
import type { Environment } from './environment.ts'
import type { Archive } from './packaging/archive.ts'
import { desired } from './packaging/desired.ts'

export interface Releases {
  bucket: aws.s3.Bucket
  release: pulumi.Output<string>
  runtime: string
  /** The SHA-256 of desired.json. */
  desired: pulumi.Output<string>
}

/**
 * Uploads what the instance is to run, then desired.json, which names it; that one also after what the
 * release `needs`.
 */
export function createReleases(
  config: Config,
  { runtime, release }: Archives,
  { variables }: Environment,
  needs: pulumi.Resource[] = [],
): Releases {
  // Destroying it deletes its objects, too: everything in it can be rebuilt from this folder.
  const { bucket, isReady } = createBucket('releases')
  const archives = [upload('runtime', runtime)]
  if (release) archives.push(upload('release', release))
  const releaseId = release ? pulumi.output(release.id) : findEarlier(config, bucket)
  const content = pulumi
    .all([releaseId, variables])
    .apply(([release, environment]) => desired({ runtime: runtime.id, release, environment }))
  new aws.s3.BucketObjectv2(
    'desired',
    { bucket: bucket.bucket, key: 'desired.json', content, contentType: 'application/json' },
    { dependsOn: [...archives, ...needs] },
  )
  const digest = content.apply((text) => hash('sha256', text))
  return { bucket, release: releaseId, runtime: runtime.id, desired: digest }

  /** Earlier archives stay in the bucket, for rollbacks. */
  function upload(kind: 'runtime' | 'release', { id, path }: Archive) {
    const source = new pulumi.asset.FileAsset(path)
    return new aws.s3.BucketObjectv2(
      kind,
      { bucket: bucket.bucket, key: `${kind}s/${id}.tar.zst`, source },
      { retainOnDelete: true, dependsOn: isReady },
    )
  }
}

/** @throws {Error} if the release to roll back to is not in the bucket */
function findEarlier(config: Config, bucket: aws.s3.Bucket): pulumi.Output<string> {
  return bucket.bucket.apply(async (name) => {
    const { keys } = await aws.s3.getObjects({ bucket: name, prefix: 'releases/' })
    if (keys.includes(`releases/${config.release}.tar.zst`)) return config.release
    const setting = `${config.project}:release`
    const cure = `pulumi config rm ${setting}, or choose one from aws s3 ls s3://${name}/releases/`
    throw new pulumi.RunError(`${setting} ${config.release} is not in the bucket: ${cure}`)
  })
}
