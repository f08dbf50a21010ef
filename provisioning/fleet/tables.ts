import * as aws from '@pulumi/aws'
import { tablesOf } from '../../server/dynamodb/tables.ts'
import type { Config } from '../config.ts'

export type Tables = Record<keyof ReturnType<typeof tablesOf>, aws.dynamodb.Table>

/**
 * The tables with all data, paid by request. AWS can restore them to any second of the last 35 days.
 * Neither Pulumi nor anybody else can delete them before their protection is switched off.
 */
export function createTables(config: Config): Tables {
  const tables = Object.entries(tablesOf(config.name)).map(([what, { name, keys }]) => {
    const [hashKey, rangeKey] = keys.map(([attribute]) => attribute)
    const table = new aws.dynamodb.Table(
      what,
      {
        name,
        billingMode: 'PAY_PER_REQUEST',
        attributes: keys.map(([name, type]) => ({ name, type })),
        hashKey,
        rangeKey,
        pointInTimeRecovery: { enabled: true },
        deletionProtectionEnabled: true,
        ttl: what === 'state' ? { attributeName: 'expires', enabled: true } : undefined,
      },
      { protect: true },
    )
    return [what, table]
  })
  return Object.fromEntries(tables)
}
