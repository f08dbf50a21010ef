import { hash } from 'node:crypto'
import * as pulumi from '@pulumi/pulumi'
import * as random from '@pulumi/random'
import type { Backups } from './backups.ts'
import type { Config } from './config.ts'

export interface Environment {
  /** Empty if anyone may write. */
  writeToken: pulumi.Output<string>
  /** For the server on the instance. */
  variables: pulumi.Output<Record<string, string>>
}

export function createEnvironment(config: Config, backups: Backups): Environment {
  const writeToken = pulumi.secret(chooseToken(config))
  const variables = pulumi.unsecret(
    pulumi.all([writeToken, backups.url]).apply(
      ([token, url]): Record<string, string> => ({
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
        OFFSITE_URL: url,
        OFFSITE_MINUTES: String(config.backupMinutes),
      }),
    ),
  )
  return { writeToken, variables }
}

function chooseToken({ openWrites, writeToken }: Config): pulumi.Input<string> {
  if (openWrites || writeToken) return writeToken
  return new random.RandomPassword('write-token', { length: 40, special: false }).result
}
