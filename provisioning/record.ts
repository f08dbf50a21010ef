import * as aws from '@pulumi/aws'
import type { Config } from './config.ts'
import type { Instance } from './instance.ts'

/** Points the domain to the address, if its zone is in Route 53. */
export function createRecord({ domain, hostedZoneId }: Config, { ip }: Instance) {
  if (hostedZoneId === '') return
  new aws.route53.Record('domain', {
    zoneId: hostedZoneId,
    name: domain,
    type: 'A',
    // Short, for a new address.
    ttl: 60,
    records: [ip],
  })
}
