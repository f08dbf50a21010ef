import { STSClient } from '@aws-sdk/client-sts'
import { DynamoClient } from '../../server/dynamodb/client.ts'
import { type Tables, tablesOf } from '../../server/dynamodb/tables.ts'
import type { Claim } from '../../server/move/claim.ts'
import { createTableRows, type TableRows } from '../../server/move/tables.ts'
import type { Place } from './aws/call.ts'
import type { DeployedStack, Outputs } from './outputs.ts'
import { placeOf, readSettings } from './settings.ts'

/** The tables of a stack of several machines, with the credentials of this machine's user. */
export interface StackTables {
  client: DynamoClient
  tables: Tables
  tablesName: string
  rows: TableRows
  /** The same, whose calls fail once another run may have taken over. */
  rowsHeldBy: (claim: Claim) => TableRows
  close: () => void
}

// Nobody waits for a page here, so a table that is busy gets more time.
const timeouts = { callTimeoutMs: 30_000, tryTimeoutMs: 10_000 }

/** Calls `use` with the tables of a stack. */
export async function withTables<Result>(
  { stack, outputs }: DeployedStack,
  use: (tables: StackTables) => Promise<Result>,
): Promise<Result> {
  const tables = connectTables(placeOf(await readSettings(stack)), stack.name, outputs)
  try {
    return await use(tables)
  } finally {
    tables.close()
  }
}

/** @throws {Error} if the stack has no tables */
export function connectTables(place: Place, stack: string, outputs: Outputs): StackTables {
  const { tablePrefix } = outputs
  if (!tablePrefix) throw new Error(`Stack ${stack} has one machine: its data is in a file there`)
  const { region } = place
  const endpoint =
    process.env.AWS_ENDPOINT_URL_DYNAMODB || `https://dynamodb.${region}.amazonaws.com`
  const tables = tablesOf(tablePrefix)
  const clients: DynamoClient[] = []
  const client = connect(async () => {})
  return {
    client,
    tables,
    tablesName: `${tablePrefix} in ${region}`,
    rows: createTableRows(client, tables),
    rowsHeldBy: (claim) =>
      createTableRows(
        connect(() => claim.assertHeld()),
        tables,
      ),
    close() {
      for (const each of clients) each.close()
    },
  }

  function connect(assertMay: () => Promise<void>): DynamoClient {
    const credentials = credentialsOf(place, assertMay)
    const each = new DynamoClient({ endpoint, region, credentials, ...timeouts })
    clients.push(each)
    return each
  }
}

/** Those that the SDK finds, asked for before each try of a call. */
function credentialsOf({ region, profile }: Place, assertMay: () => Promise<void>) {
  const { config } = new STSClient({ region, profile })
  return {
    async get() {
      await assertMay()
      const { accessKeyId, secretAccessKey, sessionToken = '' } = await config.credentials()
      return { accessKeyId, secretAccessKey, sessionToken }
    },
    async renew() {
      await config.credentials({ forceRefresh: true })
      return true
    },
  }
}
