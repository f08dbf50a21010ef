import type * as aws from '@pulumi/aws'
import type { Config } from './config.ts'
import type { Environment } from './environment.ts'
import type { Releases } from './releases.ts'

interface Parts {
  network: { sshEndpoint: aws.ec2transitgateway.InstanceConnectEndpoint | undefined }
  environment: Environment
  releases: Releases
}

/** The outputs that a stack of one machine and of several make alike. */
export function commonOutputs(config: Config, { network, environment, releases }: Parts) {
  return {
    domain: config.domain,
    sshEndpoint: network.sshEndpoint?.id ?? '',
    writeToken: environment.writeToken,
    release: releases.release,
    runtime: releases.runtime,
    desired: releases.desired,
    region: config.region,
    bucket: releases.bucket.bucket,
  }
}
