import assert from 'node:assert/strict'
import test from 'node:test'
import { needsDynoxide, startDynoxide } from '../support/dynoxide.ts'
import { type Call, startEngineProxy } from '../support/engine-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { startServer } from '../support/server.ts'
import { runOnebox, statementsOf } from './onebox.ts'

test('the machines’ role may do with each table what the server does, and nothing else', {
  skip: needsDynoxide,
}, async (t) => {
  const proxy = await startEngineProxy(t, await startDynoxide())
  const url = await startServer(t, {
    STORE: 'dynamodb',
    TABLE_PREFIX: 'onebox-dev',
    AWS_ENDPOINT_URL_DYNAMODB: proxy.url,
  })
  await useEverything(url)
  const stack = await runOnebox({ settings: { machines: '2' } })
  const granted = statementsOf(stack, 'tables').flatMap(({ Action, Resource }) =>
    (Action as string[]).map((action) => `${action} ${Resource.split(':').at(-1)}`),
  )
  // Chunks of an overwritten string expire in the background.
  await eventually(async () => usedIn(proxy.calls).includes('dynamodb:UpdateItem state'))
  assert.deepEqual(usedIn(proxy.calls), granted.sort())
})

async function useEverything(url: string) {
  const requests: [method: string, path: string, body?: string][] = [
    ['GET', '/healthz'],
    ['PUT', '/', 'x'.repeat(10_000)],
    ['PUT', '/', 'short'],
    ['GET', '/'],
    ['PUT', '/hello/anna', '{"dateOfBirth":"2000-01-01"}'],
    ['GET', '/hello/anna'],
    ['DELETE', '/hello/anna'],
    ['POST', '/movies', '{"year":1933,"title":"King Kong","info":{"rating":8}}'],
    ['GET', '/movies?search=king'],
    ['GET', '/movies'],
    ['GET', '/movies?year=1933&title=King%20Kong'],
    ['DELETE', '/movies?year=1933&title=King%20Kong'],
  ]
  for (const [method, path, body] of requests) {
    const accept = path === '/movies' ? 'text/html' : '*/*'
    const headers = { accept, 'content-type': path === '/' ? 'text/plain' : 'application/json' }
    const response = await fetch(`${url}${path}`, { method, headers, body: body ?? null })
    assert.ok(response.ok, `${method} ${path} answers ${response.status}`)
    await response.text()
  }
}

/** As IAM names them: a transaction needs the rights of its parts. */
function usedIn(calls: Call[]): string[] {
  const used = calls.flatMap(({ operation, input }) => {
    // Only an emulator's tables are created by the server.
    if (operation === 'CreateTable') return []
    if (operation === 'TransactWriteItems') return input.TransactItems.map(partOf)
    const tables = input.TableName ? [input.TableName] : Object.keys(input.RequestItems)
    return tables.map((table: string) => rightTo(operation, table))
  })
  return [...new Set<string>(used)].sort()
}

function partOf(part: Record<string, { TableName: string }>): string {
  const [[verb, { TableName }]] = Object.entries(part) as [[string, { TableName: string }]]
  return rightTo(verb === 'ConditionCheck' ? 'ConditionCheckItem' : `${verb}Item`, TableName)
}

function rightTo(operation: string, table: string): string {
  return `dynamodb:${operation} ${table.replace('onebox-dev-', '')}`
}
