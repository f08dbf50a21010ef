import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startDynamoSite } from '../../support/dynamo-site.ts'
import { needsDynoxide } from '../../support/dynoxide.ts'
import { assertWellFormed, type Fault, first } from '../../support/engine-proxy.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem, getJson, readHeading, send, sendJson } from '../../support/http.ts'
import { type Movie, postLines, titlesOf } from '../../support/movies.ts'

const skip = needsDynoxide
const kong = { year: 1933, title: 'King Kong', info: {} }
const path = '/movies?year=1933&title=King%20Kong'
const born = { dateOfBirth: '1990-04-23' }
const cut: Fault = { after: 'cut' }
// As outside tests.
const impatient = { callTimeoutMs: 2800, tryTimeoutMs: 2000 }

function numbered(count: number, info: object = {}): Movie[] {
  return Array.from({ length: count }, (_, index) => ({
    year: 1950 + (index % 7),
    title: `No. ${index}`,
    info: { ...info, index },
  }))
}

test('a movie whose answer is lost is added once and counts as added', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  proxy.fault = first(1, 'TransactWriteItems', cut)
  assert.equal((await sendJson('POST', `${url}/movies`, kong)).status, 201)
  proxy.fault = first(2, 'TransactWriteItems', cut)
  assert.equal((await sendJson('POST', `${url}/movies`, kong)).status, 200)
  proxy.fault = first(1, 'TransactWriteItems', cut)
  assert.equal((await send('DELETE', url + path)).status, 204)
  assert.equal((await send('DELETE', url + path)).status, 404)
  proxy.fault = first(1, 'TransactWriteItems', cut)
  const added = await postLines(url, numbered(120))
  assert.deepEqual(await added.json(), { added: 120, replaced: 0 })
  proxy.fault = first(3, 'TransactWriteItems', cut)
  const replaced = await postLines(url, [...numbered(130), ...numbered(5)])
  assert.deepEqual(await replaced.json(), { added: 10, replaced: 125 })
  assertWellFormed(proxy.calls)
})

test('a birthday whose answer is lost is saved and deleted once', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  proxy.fault = first(1, 'TransactWriteItems', cut)
  const saved = await sendJson('PUT', `${url}/hello/Ann`, born, { 'if-none-match': '*' })
  assert.equal(saved.status, 204)
  proxy.fault = first(1, 'TransactWriteItems', cut)
  assert.equal((await send('DELETE', `${url}/hello/Ann`)).status, 204)
})

test('a put that is tried again does not bring an overwritten string back', { skip }, async (t) => {
  const { url, other, proxy } = await startDynamoSite(t)
  await send('PUT', url, 'start')
  const overwritten = Promise.withResolvers<void>()
  let puts = 0
  proxy.fault = async ({ operation, input }) => {
    if (operation !== 'PutItem' || input.Item.kind.S !== 'string') return undefined
    puts += 1
    if (puts === 1) return cut
    await overwritten.promise
  }
  const a = send('PUT', url, 'A')
  await eventually(async () => (await readHeading(other)) === 'A')
  assert.equal((await send('PUT', other, 'B')).status, 204)
  assert.equal(await readHeading(other), 'B')
  overwritten.resolve()
  assert.equal((await a).status, 204)
  assert.equal(puts, 2)
  assert.equal(await readHeading(url), 'B')
})

test('a put with If-Match whose answer is lost holds', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  const { headers } = await send('PUT', url, 'before')
  proxy.fault = first(1, 'PutItem', cut)
  const condition = { 'if-match': headers.get('etag') as string }
  assert.equal((await send('PUT', url, 'after', condition)).status, 204)
  assert.equal(await readHeading(url), 'after')
  assert.equal((await send('PUT', url, 'again', condition)).status, 412)
})

test('a put with If-Match that comes too late is refused, whatever the same server put meanwhile', {
  skip,
}, async (t) => {
  const { url, other, proxy } = await startDynamoSite(t)
  const { headers } = await send('PUT', url, 'base')
  await send('PUT', other, 'changed')
  const held = Promise.withResolvers<void>()
  let puts = 0
  proxy.fault = async ({ operation }) => {
    if (operation !== 'PutItem') return undefined
    puts += 1
    if (puts === 1) await held.promise
  }
  const late = send('PUT', url, 'late', { 'if-match': headers.get('etag') as string })
  await eventually(async () => puts === 1)
  assert.equal(await readHeading(url), 'changed')
  assert.equal((await send('PUT', url, 'last')).status, 204)
  held.resolve()
  assert.equal((await late).status, 412)
  assert.equal(await readHeading(other), 'last')
})

test('writes of others since the last look are no obstacle to a put', { skip }, async (t) => {
  const { url, other } = await startDynamoSite(t)
  for (const value of ['a', 'b', 'c']) {
    assert.equal((await send('PUT', url, `own ${value}`)).status, 204)
    for (let count = 0; count < 20; count += 1) await send('PUT', other, `${count}`)
    assert.equal((await send('PUT', url, value)).status, 204)
    assert.equal(await readHeading(other), value)
  }
})

test('a string of 1 MiB is stored in parts, which expire once it is overwritten', {
  skip,
}, async (t) => {
  const { url, other, proxy } = await startDynamoSite(t)
  const long = '€'.repeat(2 ** 20 / 3)
  assert.equal((await send('PUT', url, long)).status, 204)
  assert.equal(await readHeading(other), long)
  assert.equal((await send('PUT', url, 'short')).status, 204)
  assert.equal(await readHeading(other), 'short')
  const updates = () => proxy.calls.filter(({ operation }) => operation === 'UpdateItem').length
  await eventually(async () => updates() === 3)
  assertWellFormed(proxy.calls)
})

const conflict: Fault = {
  answer: {
    status: 400,
    code: 'TransactionCanceledException',
    more: { CancellationReasons: [{ Code: 'TransactionConflict' }] },
  },
}

const passing: [what: string, operation: string, fault: Fault][] = [
  ['a conflict of transactions', 'TransactWriteItems', conflict],
  ['a transaction in progress', 'TransactWriteItems', refusal('TransactionInProgressException')],
  ['throttling', 'TransactWriteItems', refusal('ThrottlingException')],
  ['a throttled read', 'GetItem', refusal('ProvisionedThroughputExceededException')],
  ['an internal error', 'TransactWriteItems', refusal('InternalServerError', 500)],
  ['an internal error of a read', 'GetItem', refusal('InternalServerError', 500)],
  ['a cut connection', 'GetItem', { before: 'cut' }],
  ['a lost answer', 'GetItem', cut],
]

for (const [what, operation, fault] of passing) {
  test(`nobody notices ${what}, twice`, { skip }, async (t) => {
    const { url, proxy } = await startDynamoSite(t)
    proxy.fault = first(2, operation, fault)
    assert.equal((await sendJson('POST', `${url}/movies`, kong)).status, 201)
    assert.deepEqual(await getJson(url + path), kong)
  })
}

function refusal(code: string, status = 400): Fault {
  return { answer: { status, code } }
}

test('an engine that says nothing is given up on, and connections do not add up', {
  skip,
}, async (t) => {
  const { url, proxy } = await startDynamoSite(t, impatient)
  proxy.fault = () => ({ before: 'silence' })
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => fetch(`${url}/hello/${letters(index)}`)),
  )
  for (const answer of answers) {
    assert.equal(answer.headers.get('retry-after'), '1')
    await expectProblem(answer, 503, /^DynamoDB does not answer: try again in a second$/)
  }
  assert.ok((await proxy.connections()) <= 64)
  proxy.fault = () => undefined
  await eventually(async () => (await send('PUT', url, 'back')).status === 204)
})

test('an engine that is away for half a second fails no request', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  proxy.fault = () => ({ before: 'cut' })
  const answers = Array.from({ length: 50 }, (_, index) =>
    index % 2 === 0 ? fetch(url) : send('PUT', url, `${index}`),
  )
  await delay(500)
  proxy.fault = () => undefined
  for (const { status } of await Promise.all(answers)) assert.ok([200, 204].includes(status))
})

test('an engine that is away is asked ten times a second, and is found when it is back', {
  skip,
}, async (t) => {
  const { url, proxy } = await startDynamoSite(t, impatient)
  await fetch(url)
  proxy.fault = () => ({ before: 'cut' })
  const before = proxy.calls.length
  const startedAt = performance.now()
  const answers: Promise<Response>[] = []
  for (let round = 0; round < 20; round += 1) {
    for (let count = 0; count < 20; count += 1)
      answers.push(fetch(`${url}/hello/${letters(count)}`))
    await delay(100)
  }
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  assert.deepEqual(new Set(statuses), new Set([503]))
  const seconds = (performance.now() - startedAt) / 1000
  // Those of the first moment, when nobody knows yet, come on top.
  const asked = proxy.calls.length - before
  assert.ok(asked <= 10 * seconds + 25, `${asked} calls in ${seconds} s`)
  proxy.fault = () => undefined
  assert.equal((await fetch(url)).status, 200)
})

test('health fails while the engine is away for long, and recovers by itself', {
  skip,
}, async (t) => {
  const { url, proxy } = await startDynamoSite(t, impatient)
  const health = async () => (await fetch(`${url}/healthz`)).status
  assert.equal(await health(), 200)
  const beats = () => proxy.calls.filter(({ operation }) => operation === 'PutItem').length
  const before = beats()
  await Promise.all(Array.from({ length: 50 }, health))
  assert.ok(beats() - before <= 2)
  proxy.fault = () => refusal('AccessDeniedException')
  await eventually(async () => (await health()) === 503, 60_000)
  proxy.fault = () => undefined
  await eventually(async () => (await health()) === 200, 60_000)
})

test('a hundred failures leave the next one no less patience', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  for (let count = 0; count < 34; count += 1) {
    proxy.fault = first(3, 'GetItem', { before: 'cut' })
    assert.equal((await fetch(url)).status, 200)
  }
  proxy.fault = first(1, 'GetItem', cut)
  assert.equal((await fetch(url)).status, 200)
})

test('with every second call throttled, 64 clients are served over a bounded number of connections', {
  skip,
}, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  let calls = 0
  proxy.fault = () => {
    calls += 1
    return calls % 2 === 0 ? refusal('ThrottlingException') : undefined
  }
  const answers = Array.from({ length: 64 }, (_, index) => {
    const to = `${url}/hello/${letters(index)}`
    return index % 2 === 0 ? sendJson('PUT', to, born) : send('PUT', url, `${index}`)
  })
  for (const { status } of await Promise.all(answers)) assert.equal(status, 204)
  assert.ok((await proxy.connections()) <= 64)
})

test('lists that wait do not keep single items waiting', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  const held = Promise.withResolvers<void>()
  proxy.fault = ({ operation }) => (operation === 'Query' ? { until: held.promise } : undefined)
  const lists = Array.from({ length: 100 }, (_, index) => fetch(`${url}/movies?limit=${index + 1}`))
  await eventually(async () => proxy.calls.some(({ operation }) => operation === 'Query'))
  assert.equal((await fetch(url)).status, 200)
  const operations = proxy.calls.map(({ operation }) => operation)
  const before = operations.slice(0, operations.lastIndexOf('GetItem'))
  assert.ok(before.filter((operation) => operation === 'Query').length < 48)
  assert.equal((await sendJson('PUT', `${url}/hello/Ann`, born)).status, 204)
  held.resolve()
  for (const { status } of await Promise.all(lists)) assert.equal(status, 200)
})

test('a clock that is wrong is found out by the answer of the engine', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  const aheadMs = 20 * 60_000
  proxy.fault = ({ headers }) => {
    const time = String(headers['x-amz-date']).replace(
      /(....)(..)(..)T(..)(..)(..)Z/,
      '$1-$2-$3T$4:$5:$6Z',
    )
    const now = Date.now() + aheadMs
    if (Math.abs(Date.parse(time) - now) < 5 * 60_000) return undefined
    const date = new Date(now).toUTCString()
    const answer = { status: 400, code: 'InvalidSignatureException', headers: { date } }
    return { answer }
  }
  const answers = Array.from({ length: 20 }, (_, index) => fetch(`${url}/hello/${letters(index)}`))
  for (const { status } of await Promise.all(answers)) assert.equal(status, 404)
  assert.equal((await send('PUT', url, 'in time')).status, 204)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const [, offset] = /^onebox_dynamodb_clock_error_seconds\{.*?\} ([\d.]+)$/m.exec(metrics) ?? []
  assert.ok(Math.abs(Number(offset) - 1200) < 60, `${offset}`)
})

test('an error that no retry can help is a bug, without its details', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  const before = proxy.calls.length
  proxy.fault = () => refusal('AccessDeniedException')
  await expectProblem(await fetch(`${url}/hello/Ann`), 500, /^Internal error; the log has it/)
  assert.equal(proxy.calls.length - before, 1)
})

test('many movies stop at the first part that fails, and the answer says how many are stored', {
  skip,
}, async (t) => {
  const { url, proxy } = await startDynamoSite(t, impatient)
  let transactions = 0
  proxy.fault = ({ operation }) => {
    if (operation !== 'TransactWriteItems') return undefined
    transactions += 1
    return transactions === 1 ? undefined : refusal('ThrottlingException')
  }
  const detail =
    /^DynamoDB is busy; 100 of 250 movies are stored, in no order: send all of them again$/
  await expectProblem(await postLines(url, numbered(250)), 503, detail)
  assert.equal((await titlesOf(url, 'limit=1000')).length, 100)
  proxy.fault = () => undefined
  assert.deepEqual(await (await postLines(url, numbered(250))).json(), {
    added: 150,
    replaced: 100,
  })
})

test('up to 100 movies are all stored or none', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t, impatient)
  proxy.fault = ({ operation }) =>
    operation === 'TransactWriteItems' ? refusal('ThrottlingException') : undefined
  await expectProblem(await postLines(url, numbered(100)), 503, /^DynamoDB is busy: try again/)
  assert.deepEqual(await titlesOf(url), [])
})

test('100 movies of 60 KB are more than a transaction takes, and are stored and listed', {
  skip,
}, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  const movies = numbered(100, { plot: 'x'.repeat(60_000) })
  assert.deepEqual(await (await postLines(url, movies)).json(), { added: 100, replaced: 0 })
  const transactions = proxy.calls.filter(({ operation }) => operation === 'TransactWriteItems')
  for (const { input } of transactions) assert.ok(JSON.stringify(input).length < 4 * 2 ** 20)
  const titles: string[] = []
  for (let next: string | null = '/movies?limit=1000'; next; ) {
    const page: { movies: Movie[]; next: string | null } = await getJson(url + next)
    titles.push(...page.movies.map(({ title }) => title))
    next = page.next
  }
  assert.equal(new Set(titles).size, 100)
})

test('what a batch leaves undone is sent again', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  let refused = 0
  // Half of a batch is refused, as by throttling, the first two times.
  proxy.fault = ({ operation, input }) => {
    if (operation !== 'BatchWriteItem' || refused === 2) return undefined
    refused += 1
    return { answer: { status: 200, more: { UnprocessedItems: input.RequestItems } } }
  }
  await postLines(url, numbered(60))
  assert.equal(refused, 2)
  assert.equal((await titlesOf(url, 'search=no&limit=1000')).length, 60)
  let keys = 0
  proxy.fault = ({ operation, input }) => {
    if (operation !== 'BatchGetItem' || keys === 2) return undefined
    keys += 1
    return { answer: { status: 200, more: { Responses: {}, UnprocessedKeys: input.RequestItems } } }
  }
  assert.equal((await titlesOf(url, 'search=no&limit=1000')).length, 60)
  assert.equal(keys, 2)
})

test('a page of a Query may be empty although more follow', { skip }, async (t) => {
  const { url, proxy } = await startDynamoSite(t)
  await postLines(url, numbered(10))
  const key = { year: { N: '1950' }, title: { S: '!' } }
  proxy.fault = first(1, 'Query', {
    answer: { status: 200, more: { Items: [], LastEvaluatedKey: key } },
  })
  assert.deepEqual(await titlesOf(url, 'year=1950'), ['No. 0', 'No. 7'])
})

test('the notes of a movie are there before it, so that a listing never lacks it', {
  skip,
}, async (t) => {
  const { url, other, proxy } = await startDynamoSite(t, impatient)
  const dead = new Set<string>()
  // As if the process ended after its first, second and so on call.
  for (let calls = 0; calls < 4; calls += 1) {
    let left = calls
    proxy.fault = ({ operation }) => {
      if (!['BatchWriteItem', 'TransactWriteItems'].includes(operation)) return undefined
      left -= 1
      return left >= 0 ? undefined : { before: 'cut' }
    }
    const title = `Title ${calls}`
    const { status } = await sendJson('POST', `${url}/movies`, {
      ...kong,
      year: 2000 + calls,
      title,
    })
    const stored = await fetch(`${other}/movies?year=${2000 + calls}&title=${title}`)
    assert.equal(status < 300, stored.status === 200)
    if (stored.status === 200) dead.add(title)
  }
  assert.deepEqual(new Set(await titlesOf(other)), dead)
  assert.deepEqual(new Set(await titlesOf(other, 'search=title')), dead)
  assert.ok(dead.size > 0 && dead.size < 4)
})

test('movies that stay are listed once each while others come and go', { skip }, async (t) => {
  const { url, other } = await startDynamoSite(t)
  const stay = numbered(150)
  await postLines(url, stay)
  let done = false
  const change = async () => {
    for (let index = 0; !done; index = (index + 1) % 30) {
      const movie = { year: 1950 + (index % 7), title: `No. ${index} b`, info: {} }
      await sendJson('POST', `${other}/movies`, movie)
      await send(
        'DELETE',
        `${other}/movies?year=${movie.year}&title=${encodeURIComponent(movie.title)}`,
      )
    }
  }
  const changing = change()
  for (let round = 0; round < 3; round += 1) {
    const titles: string[] = []
    for (let next: string | null = '/movies?limit=20'; next; ) {
      const page: { movies: Movie[]; next: string | null } = await getJson(url + next)
      titles.push(...page.movies.map(({ title }) => title))
      next = page.next
    }
    const kept = titles.filter((title) => !title.endsWith('b'))
    assert.deepEqual(kept.toSorted(), stay.map(({ title }) => title).toSorted())
  }
  done = true
  await changing
})

/** A username of its own for each number. */
function letters(number: number): string {
  return `a${String.fromCharCode(97 + (number % 26), 97 + Math.floor(number / 26))}`
}
