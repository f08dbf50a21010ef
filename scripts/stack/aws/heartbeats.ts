import { tablesOf } from '../../../server/dynamodb/tables.ts'
import { call, type Place } from './call.ts'
import { callJson } from './json-call.ts'

/** The last sign of life of a machine's server in the tables. */
export interface Heartbeat {
  release: string
  at: string
}

type Item = Record<'id' | 'at' | 'release', { S: string } | undefined>

interface Page {
  Items: Item[]
  LastEvaluatedKey?: object
}

/** The last heartbeat of each machine, by its id. Of a reload's two releases the newer one beats. */
export async function readHeartbeats(
  place: Place,
  tablePrefix: string,
): Promise<Map<string, Heartbeat>> {
  const items = await readPages(place, tablesOf(tablePrefix).state.name)
  const all = items.map(({ id, at, release }) => {
    const machine = id?.S.split('/')[0] ?? ''
    return [machine, { at: at?.S ?? '', release: release?.S ?? '' }] as const
  })
  return new Map(all.sort(([, a], [, b]) => (a.at < b.at ? -1 : 1)))
}

async function readPages(place: Place, TableName: string, from?: object): Promise<Item[]> {
  const request = callJson<Page>(place, {
    service: 'dynamodb',
    endpoint: `https://dynamodb.${place.region}.amazonaws.com`,
    version: '1.0',
    target: 'DynamoDB_20120810.Query',
    body: {
      TableName,
      KeyConditionExpression: '#kind = :box',
      ExpressionAttributeNames: { '#kind': 'kind' },
      ExpressionAttributeValues: { ':box': { S: 'box' } },
      ExclusiveStartKey: from,
    },
  })
  const { Items, LastEvaluatedKey: next } = await call(request)
  return next ? [...Items, ...(await readPages(place, TableName, next))] : Items
}
