import type { Config } from '../config.ts'
import { balancerIdleSeconds } from './balancer.ts'
import { networkCidr } from './network.ts'

// The server must not be the first to close a connection: a request on its way would be lost.
const keepAliveSeconds = balancerIdleSeconds + 15

/** The server's settings that follow from the load balancer and the tables. */
export function fleetVariables(config: Config): Record<string, string> {
  return {
    STORE: 'dynamodb',
    TABLE_PREFIX: config.name,
    AWS_REGION: config.region,
    KEEP_ALIVE_SECONDS: String(Math.max(config.keepAliveSeconds, keepAliveSeconds)),
    TRUSTED_PROXIES: [networkCidr, ...config.trustedProxies].join(','),
    // The load balancer has the certificate.
    ACME_DIRECTORY: 'none',
  }
}
