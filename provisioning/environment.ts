import { hash } from 'node:crypto'
import * as pulumi from '@pulumi/pulumi'
import * as random from '@pulumi/random'
import type { Config } from './config.ts'

export interface Environment {
  /** Empty if anyone may write. */
  writeToken: pulumi.Output<string>
  /** For the server on the instance. */
  variables: pulumi.Output<Record<string, string>>
}

/** `more` are variables besides those of every stack, or instead of some. */
export function createEnvironment(
  config: Config,
  more: Record<string, pulumi.Input<string>>,
): Environment {
  const writeToken = pulumi.secret(chooseToken(config))
  const variables = pulumi.unsecret(
    pulumi.all([writeToken, pulumi.all(more)]).apply(
      ([token, more]): Record<string, string> => ({
        WRITE_TOKEN_SHA256: token && hash('sha256', token),
        OPEN_WRITES: String(config.openWrites),
        TIME_ZONE: config.timeZone,
        WRITES_PER_MINUTE: String(config.writesPerMinute),
        READS_PER_MINUTE: String(config.readsPerMinute),
        WEB_CONCURRENCY: config.webConcurrency === 0 ? '' : String(config.webConcurrency),
        LOG_LEVEL: config.logLevel,
        KEEP_ALIVE_SECONDS: String(config.keepAliveSeconds),
        TRUSTED_PROXIES: config.trustedProxies.join(','),
        DOMAIN: config.domain,
        ACME_DIRECTORY: config.acmeDirectory,
        ACME_ROOT: config.acmeRoot,
        ...more,
      }),
    ),
  )
  return { writeToken, variables }
}

function chooseToken({ openWrites, writeToken }: Config): pulumi.Input<string> {
  if (openWrites || writeToken) return writeToken
  return new random.RandomPassword('write-token', { length: 40, special: false }).result
}
