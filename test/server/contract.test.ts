import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { type Config, readConfig } from '../../server/config.ts'
import { bodiesOf, type Entry, examplesOf, type Schema } from '../../server/contract/openapi.ts'
import { createRoutes, type Handlers } from '../../server/routes.ts'
import {
  assertDocumented,
  assertFits,
  type Call,
  callsOf,
  contract,
  entries,
  send,
  spoil,
} from '../support/contract.ts'
import { sendJson } from '../support/http.ts'
import { sendRaw } from '../support/raw.ts'
import { makeDataDir, startServer } from '../support/server.ts'
import { needs } from '../support/tools.ts'

test('the contract has exactly the routes, and a token for the protected ones', () => {
  const none = new Proxy({}, { get: () => ({}) })
  const guard = () => ({ status: 200, headers: [] })
  const guarded = () => guard
  const routes = createRoutes(none as Handlers, { read: guarded, write: guarded, form: guarded })
  const served = Object.entries(routes).flatMap(([path, handlers]) =>
    Object.entries(handlers).map(([method, handler]) => [path, method, handler === guard]),
  )
  const documented = entries.map(({ path, method, operation }) => [
    path,
    method,
    operation.security?.some((scheme) => 'bearer' in scheme) ?? false,
  ])
  assert.deepEqual(documented.map(String).sort(), served.map(String).sort())
})

test('every path answers OPTIONS with the methods of the contract, and others with 405', async (t) => {
  const url = await startServer(t)
  for (const { path, operation } of entries) {
    const methods = Object.keys(contract.paths[path] as object).map((method) =>
      method.toUpperCase(),
    )
    const own = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].sort()
    const options = await fetch(url + path, { method: 'OPTIONS' })
    const refused = await fetch(url + path, { method: 'PROPFIND' })
    assert.equal(options.status, 204)
    assert.equal(refused.status, 405)
    for (const { headers } of [options, refused]) {
      assert.deepEqual(headers.get('allow')?.split(', ').sort(), own, path)
    }
    await assertDocumented({ path, method: 'PROPFIND', operation }, refused, 'default')
  }
})

test('every operation says whether it needs the token, and asks for one media type at most', () => {
  for (const { operation } of entries) {
    assert.ok(Array.isArray(operation.security), operation.operationId)
    assert.ok(Object.keys(operation.requestBody?.content ?? {}).length <= 1, operation.operationId)
  }
})

test('the schema refuses NUL everywhere that the server does', async (t) => {
  const url = await startServer(t)
  const json = entryOf('putString').operation.requestBody?.content['application/json']
  assert.throws(() => assertFits(json?.schema as Schema, { string: 'a\0b' }, 'NUL'))
  assert.equal((await fetch(url, { method: 'PUT', body: 'a\0b' })).status, 400)
  for (const name of ['title', 'plot']) {
    const parameter = entryOf('postMovies').operation.parameters?.find((one) => one.name === name)
    assert.throws(() => assertFits(parameter?.schema as Schema, 'a\0b', name))
    const query = new URLSearchParams({ year: '1933', title: 'M', [name]: 'a\0b' })
    assert.equal((await fetch(`${url}/movies?${query}`, { method: 'POST' })).status, 400)
  }
})

test('every operation has an id of its own, a known tag and its placeholders as parameters', () => {
  const ids = entries.map(({ operation }) => operation.operationId)
  assert.equal(new Set(ids).size, ids.length)
  for (const { path, operation } of entries) {
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
    const names = inPath.map(({ name, required }) => required && `{${name}}`)
    assert.deepEqual(names, path.match(/{\w+}/g) ?? [])
    assert.ok(contract.tags.some(({ name }) => name === operation.tags[0]))
  }
})

test('every example fits its schema', () => {
  for (const { method, path, operation } of entries) {
    const request = operation.requestBody ? bodiesOf(operation.requestBody) : {}
    const answers = Object.values(operation.responses).map(({ content = {} }) => content)
    const media = [request, ...answers].flatMap((content) => Object.values(content))
    for (const one of media) {
      for (const { value } of examplesOf(one)) assertFits(one.schema, value, `${method} ${path}`)
    }
    for (const { name, schema, example } of operation.parameters ?? []) {
      assertFits(schema, example, `${method} ${path}, ${name}`)
    }
  }
})

test('the contract documents the configured limits', () => {
  const config = readConfig({}, import.meta.dirname)
  const { description } = contract.info
  const body = `${config.bodyLimitBytes / 2 ** 20} MiB, or ${config.bulkBodyLimitBytes / 2 ** 20} MiB`
  assert.ok(description.includes(body))
  assert.ok(description.includes(`${config.headerLimitBytes / 1024} KiB of headers`))
  assert.ok(description.includes(`${config.requestTimeoutMs / 1000} s for a request`))
  assert.ok(description.includes(`at most ${config.pipelineLimit} may wait`))
  assert.ok(description.includes(`does not read for ${config.answerTimeoutMs / 1000} s`))
})

test('the examples are accepted, and every answer to them matches the contract', async (t) => {
  const url = await startServer(t, { ACME_DIR: makeChallenge() })
  const writesFirst = ['PUT', 'POST', 'GET', 'PATCH', 'DELETE']
  const accepted = new Set<string>()
  for (const entry of inOrder(writesFirst)) {
    const statuses = new Set<string>()
    for (const call of callsOf(entry)) {
      if (kindOf(entry) === 'DELETE') await saveExamples(url)
      const response = await send(url, call)
      const body = await assertDocumented(entry, response)
      if (response.status === 400) assertNotBlamed(call, body)
      statuses.add(String(response.status))
      // An entity tag that is only an example cannot be the current one.
      if (response.status < 400 || response.status === 412)
        for (const part of partsOf(call)) accepted.add(part)
    }
    for (const part of callsOf(entry).flatMap(partsOf)) {
      assert.ok(accepted.has(part), `${entry.method} ${entry.path} never takes ${part}`)
    }
    const successes = Object.keys(entry.operation.responses).filter((status) => status < '300')
    assert.deepEqual(
      successes.filter((status) => !statuses.has(status)),
      [],
    )
  }
})

test('the example page is what the server makes of the example movies', async (t) => {
  const url = await startServer(t)
  const get = entryOf('getMovies')
  await fetch(`${url}/movies`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: entryOf('postMovies').operation.requestBody?.['x-alternatives']?.['application/x-ndjson']
      ?.example as string,
  })
  const response = await fetch(`${url}/movies?limit=2`)
  const page: { next: string } = JSON.parse(await assertDocumented(get, response))
  const examples = get.operation.responses[200]?.content?.['application/json']?.examples
  assert.equal(response.headers.get('link'), `<${page.next}>; rel="next"`)
  assert.deepEqual(page, examples?.page?.value)
})

function entryOf(id: string): Entry {
  return entries.find(({ operation }) => operation.operationId === id) as Entry
}

/** A choice of parameters may lack one, but those it has must be fine. */
function assertNotBlamed({ entry, parameters }: Call, body: string) {
  const { errors = [] } = JSON.parse(body) as { errors?: { field: string }[] }
  const blamed = parameters.filter(([{ name }]) => errors.some(({ field }) => field === name))
  assert.deepEqual(blamed, [], `${entry.method} ${entry.path}`)
}

function inOrder(methods: string[]) {
  return entries.toSorted((a, b) => methods.indexOf(kindOf(a)) - methods.indexOf(kindOf(b)))
}

/** The method, or DELETE for a form that deletes. */
function kindOf({ method, path }: Entry): string {
  return path.endsWith('/delete') ? 'DELETE' : method
}

/** What names a call's parameters and body within its operation. */
function partsOf({ entry, parameters, body }: Call): string[] {
  const names = parameters.map(([{ name }]) => name)
  const all = body ? [...names, `${body.type} ${body.bytes}`] : names
  return all.map((part) => `${entry.operation.operationId} ${part}`)
}

interface Provocation {
  how: string
  env?: Record<string, string>
  overrides?: Partial<Config>
  headers?: Record<string, string>
  spoil?: typeof spoil
  before?: (url: string) => Promise<unknown>
}

/** The folder of an ACME client with the example challenge. */
function makeChallenge(): string {
  const dir = makeDataDir()
  const [token] = entryOf('getChallenge').operation.parameters ?? []
  mkdirSync(join(dir, 'challenges'))
  writeFileSync(join(dir, 'challenges', String(token?.example)), 'token.thumbprint')
  return dir
}

/** What the examples name, so that it exists. */
async function saveExamples(url: string) {
  await sendJson('PUT', `${url}/hello/Anna`, { dateOfBirth: '1990-04-23' })
  await sendJson('POST', `${url}/movies`, { year: 1933, title: 'King Kong', info: {} })
}

/** What makes a server answer each status, wherever that is documented. */
const provocations: Record<string, Provocation> = {
  303: { how: 'to a form' },
  304: {
    how: 'for a copy that is current',
    env: { ACME_DIR: makeChallenge() },
    headers: { 'if-none-match': '*' },
    before: saveExamples,
  },
  400: { how: 'for invalid input', spoil },
  401: { how: 'without the token', env: { WRITE_TOKEN: 'secret' } },
  403: { how: 'for a cross-site write', headers: { 'sec-fetch-site': 'cross-site' } },
  404: { how: 'for what is not stored' },
  412: {
    how: 'for an outdated version',
    env: { ACME_DIR: makeChallenge() },
    headers: { 'if-match': '"outdated"' },
    before: saveExamples,
  },
  413: {
    how: 'for a body over the limit',
    overrides: { bodyLimitBytes: 1, bulkBodyLimitBytes: 1 },
  },
  415: { how: 'for a picture', headers: { 'content-type': 'image/png' } },
  429: {
    how: 'after too many writes',
    env: { WRITES_PER_MINUTE: '1' },
    before: (url) => fetch(url, { method: 'PUT', body: 'the only one' }),
  },
  503: { how: 'to a full house', overrides: { writeQueueLimit: 0, eventStreamLimit: 0 } },
}

for (const [status, provocation] of Object.entries(provocations)) {
  test(`${status} is answered ${provocation.how}, wherever it is documented and nowhere else`, async (t) => {
    const url = await startServer(t, provocation.env, provocation.overrides)
    await provocation.before?.(url)
    const readsFirst = ['GET', 'DELETE', 'PATCH', 'PUT', 'POST']
    for (const entry of inOrder(readsFirst)) {
      const calls = callsOf(entry).flatMap(provocation.spoil ?? ((call) => [call]))
      const statuses = new Set<string>()
      for (const call of calls) {
        const response = await send(url, call, provocation.headers)
        await assertDocumented(entry, response)
        statuses.add(String(response.status))
      }
      const isDocumented = status in entry.operation.responses
      const what = `${entry.method} ${entry.path} answers ${[...statuses]}`
      assert.equal(statuses.has(status), isDocumented, what)
    }
  })
}

test('preconditions are documented for every operation', () => {
  for (const { operation, path, method } of entries) {
    assert.ok('412' in operation.responses, `${method} ${path}`)
    assert.equal('304' in operation.responses, method === 'GET', `${method} ${path}`)
  }
})

test('every documented status except that of a full disk is answered in one of these tests', () => {
  const documented = entries.flatMap(({ operation }) => Object.keys(operation.responses))
  const untested = documented.filter((status) => status >= '300' && !(status in provocations))
  assert.deepEqual([...new Set(untested)].sort(), ['507', 'default'])
  for (const { operation, path, method } of entries) {
    assert.equal('507' in operation.responses, '429' in operation.responses, `${method} ${path}`)
  }
})

test('GET /openapi.json answers the document, and 304 for a current copy', async (t) => {
  const url = await startServer(t)
  const response = await fetch(`${url}/openapi.json`)
  const etag = response.headers.get('etag') as string
  const document = (await response.json()) as { openapi: string }
  assert.match(document.openapi, /^3\.1\.\d+$/)
  const again = await fetch(`${url}/openapi.json`, { headers: { 'if-none-match': etag } })
  assert.equal(again.status, 304)
  assert.equal(await again.text(), '')
})

test('GET /docs documents every operation under one heading', async (t) => {
  const page = await (await fetch(`${await startServer(t)}/docs`)).text()
  const headings = [...page.matchAll(/<h(\d)/g)].map(([, level]) => Number(level))
  assert.equal(headings.filter((level) => level === 1).length, 1)
  assert.ok(headings.every((level, index) => level <= (headings[index - 1] ?? 0) + 1))
  for (const id of ['saved-string', 'birthdays', 'movies', 'operations']) {
    assert.ok(page.includes(`<h2 id="${id}">`), id)
  }
  for (const { path, method, operation } of entries) {
    const [, article = ''] = page.split(`<h3 id="${operation.operationId}">`)
    const heading = article.slice(0, article.indexOf('</h3>'))
    assert.ok(heading.includes(`${method}</span> <code>${path}</code>`), `${method} ${path}`)
  }
})

test('GET /docs has no broken links', async (t) => {
  const page = await (await fetch(`${await startServer(t)}/docs`)).text()
  for (const [, href = ''] of page.matchAll(/href="([^"]*)"/g)) {
    const [path = '', id] = href.split('#')
    if (id !== undefined) assert.ok(page.includes(` id="${id}"`), href)
    if (!['', 'data:,'].includes(path)) assert.ok('get' in (contract.paths[path] ?? {}), href)
  }
})

test('GET /docs shows the requested host, unless a shell would run it', async (t) => {
  const url = await startServer(t)
  const { host } = new URL(url)
  for (const name of [host, 'onebox.example', '[::1]:8080', host]) {
    assert.equal(await shownAt(name), `http://${name}`)
  }
  assert.equal(await shownAt("a'b"), 'http://HOST')

  async function shownAt(name: string) {
    const head = `GET /docs HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`
    return /URL=(.*)\n/.exec(await sendRaw(url, head))?.[1]
  }
})

test('the commands of the contract succeed, pasted into a shell one after another', {
  skip: needs('curl'),
}, async (t) => {
  const env = {
    ...process.env,
    TOKEN: 'secret',
    URL: await startServer(t, { WRITE_TOKEN: 'secret', ACME_DIR: makeChallenge() }),
  }
  const commands = entries
    .filter(({ path }) => path !== '/events') // It never ends.
    .flatMap(({ operation }) => operation['x-codeSamples'].map(({ source }) => source))
  const quietly = 'curl() { command curl --silent --show-error --fail --max-time 20 "$@"; }'
  await promisify(execFile)('sh', ['-euc', [quietly, ...commands].join('\n')], { env })
})
