import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { backupText } from '../../../scripts/instance/backup-file.ts'
import { keepBackup } from '../../../server/database/backup-folder.ts'
import { tablesOf } from '../../../server/dynamodb/tables.ts'
import { Claim } from '../../../server/move/claim.ts'
import { summaryOfFile, writeDatabaseFile } from '../../../server/move/file.ts'
import { moveToBox, restoreToTables } from '../../../server/move/mover.ts'
import { differencesOf, RowSum } from '../../../server/move/row.ts'
import { createTableRows } from '../../../server/move/tables.ts'
import { connect, needsDynoxide, startDynoxide } from '../../support/dynoxide.ts'
import { assertWellFormed, startEngineProxy } from '../../support/engine-proxy.ts'
import { getJson, readHeading, send, sendJson } from '../../support/http.ts'
import { localBox } from '../../support/moves.ts'
import { load, titlesOf } from '../../support/movies.ts'
import { makeDataDir, startApp } from '../../support/server.ts'

const skip = needsDynoxide
const engine = skip ? '' : await startDynoxide()
const soon = { noticeMs: 300, settleMs: 300, boxSettleMs: 0 }
const movies = Array.from({ length: 60 }, (_, index) => ({
  year: 1900 + (index % 7),
  title: `Film ${index} – ‘é’ ${'👋'.repeat(index)}`,
  info: { b: 9.1, a: index, deep: { '': [1e300] } },
}))

/** A server on new tables, and the rows in them. */
async function startOnTables(t: test.TestContext, endpoint = engine) {
  const prefix = `rows-${randomUUID()}`
  const env = { STORE: 'dynamodb', AWS_ENDPOINT_URL_DYNAMODB: endpoint, TABLE_PREFIX: prefix }
  const { url, stores } = await startApp(t, env, { moveLeaseMs: 100 })
  const tables = tablesOf(prefix)
  const client = connect(engine)
  t.after(() => client.close())
  const rows = createTableRows(client, tables)
  const sides = {
    client,
    tables,
    tablesName: prefix,
    rowsHeldBy: () => rows,
    say() {},
    times: soon,
  }
  return { url, stores, rows, client, tables, sides }
}

async function fill(url: string) {
  await load(url, movies)
  await sendJson('PUT', `${url}/hello/Zo%C3%AB`, { dateOfBirth: '1990-02-28' })
  await send('PUT', url, 'é'.repeat(400_000), { 'content-type': 'text/plain' })
}

test('the sum of rows is the same in any order, and another for other rows', () => {
  const rows = [
    ['movies', 1933, 'King Kong', '{}', 7],
    ['movies', 1931, 'M', '{}', 7],
    ['saved_string', 'x', 'v'],
  ] as const
  const sumOf = (some: readonly (typeof rows)[number][]) => {
    const sum = new RowSum()
    for (const row of some) sum.add([...row])
    return sum.summary()
  }
  assert.deepEqual(sumOf(rows), sumOf(rows.toReversed()))
  assert.deepEqual(differencesOf(sumOf(rows), sumOf(rows.slice(1))), ['movies'])
  assert.match(sumOf(rows).movies.sum, /^[\da-f]{64}$/)
})

test('tables and the file of a backup have the same rows, both ways', { skip }, async (t) => {
  const one = await startOnTables(t)
  await fill(one.url)
  const file = join(makeDataDir(), 'tables.db')
  const summary = await writeDatabaseFile(file, one.rows.read())
  assert.deepEqual(differencesOf(summary, await one.rows.summary()), [])
  assert.equal(backupText(file), '1 birthday, 60 movies and the saved string')

  const two = await startOnTables(t)
  await restoreToTables(two.sides, file, { overwrite: false })
  assert.deepEqual(differencesOf(summary, await two.rows.summary()), [])
  const everything = ['/movies?limit=100', '/movies?search=film%205', '/hello/Zo%C3%AB']
  for (const path of everything) {
    assert.deepEqual(await getJson(two.url + path), await getJson(one.url + path))
  }
  assert.equal(await readHeading(two.url), await readHeading(one.url))
})

test('the backup of a machine goes into tables, for good: what it lacks is removed', {
  skip,
}, async (t) => {
  const box = await startApp(t)
  await fill(box.url)
  const file = keepBackup(box.dataDir, 7)
  const { url, rows, sides } = await startOnTables(t)
  await sendJson('POST', `${url}/movies`, { year: 2001, title: 'Only here', info: {} })
  await assert.rejects(restoreToTables(sides, file, { overwrite: false }), {
    message: /^rows-\S+ has data\. Use --overwrite to replace it$/,
  })
  await sendJson('POST', `${url}/movies`, { year: 2001, title: 'Still served', info: {} })
  await restoreToTables(sides, file, { overwrite: true })
  assert.deepEqual(differencesOf(summaryOfFile(file), await rows.summary()), [])
  assert.deepEqual(await titlesOf(url, 'year=2001'), [])
  await sendJson('POST', `${url}/movies`, { year: 2001, title: 'Again', info: {} })
  assert.deepEqual(await titlesOf(url, 'year=2001'), ['Again'])
})

test('a write that arrives after the fence is copied, or not acknowledged', { skip }, async (t) => {
  const proxy = await startEngineProxy(t, engine)
  const prefix = `late-${randomUUID()}`
  const env = { STORE: 'dynamodb', AWS_ENDPOINT_URL_DYNAMODB: proxy.url, TABLE_PREFIX: prefix }
  const { url } = await startApp(t, env, { moveLeaseMs: 100, lateWriteMs: 300 })
  const box = await startApp(t)
  const tables = tablesOf(prefix)
  const client = connect(engine)
  t.after(() => client.close())
  const rows = createTableRows(client, tables)
  const local = localBox(box.dataDir)
  t.after(local.close)
  // The write has passed the check of the lease; DynamoDB has it only after the copy.
  const copied = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  proxy.fault = async ({ operation }) => {
    if (operation !== 'TransactWriteItems') return undefined
    held.resolve()
    await copied.promise
  }
  const answer = sendJson('POST', `${url}/movies`, { year: 1999, title: 'Late', info: {} })
  await held.promise
  await moveToBox(
    {
      ...{ client, tables, tablesName: prefix, boxName: 'box', rowsHeldBy: () => rows, say() {} },
      times: { ...soon, settleMs: 600 },
      box: local.box,
      async toFile(rows) {
        const path = join(makeDataDir(), 'moved.db')
        return { path, summary: await writeDatabaseFile(path, rows.read()) }
      },
    },
    { url: box.url, overwrite: false },
  )
  copied.resolve()
  assert.equal((await answer).status, 503)
})

test('servers look for a move at most once a second, and not without requests', {
  skip,
}, async (t) => {
  const proxy = await startEngineProxy(t, engine)
  const env = {
    STORE: 'dynamodb',
    AWS_ENDPOINT_URL_DYNAMODB: proxy.url,
    TABLE_PREFIX: `idle-${randomUUID()}`,
  }
  const { url } = await startApp(t, env)
  const looks = () => proxy.looks.length
  const startedAt = performance.now()
  for (let request = 0; request < 100; request += 1) {
    const { status } = await send(request % 2 ? 'GET' : 'PUT', url, request % 2 ? undefined : 'x')
    assert.ok(status < 300)
  }
  assert.ok(looks() >= 1)
  assert.ok(looks() <= 2 + (performance.now() - startedAt) / 1000, `${looks()} looks`)
  const before = looks()
  await delay(2500)
  assert.equal(looks(), before)
  assertWellFormed(proxy.looks)
})

test('a run that was asleep while another took over can do no more', { skip }, async (t) => {
  const { client, tables } = await startOnTables(t)
  const times = { beatMs: 60_000, silenceMs: 200 }
  const decide = () => ({ phase: 'copying', other: 'box', url: '' }) as const
  const asleep = await Claim.take(client, tables.state.name, decide, times)
  const awake = await Claim.take(client, tables.state.name, decide, times)
  const taken = { message: 'Another run is moving the data: wait until it ends' }
  await assert.rejects(asleep.set({ phase: 'open' }), taken)
  await delay(times.silenceMs)
  await assert.rejects(asleep.assertHeld(), taken)
  await awake.assertHeld()
  await awake.set({ phase: 'following' })
  assert.equal(awake.phase, 'following')
  for (const claim of [asleep, awake]) claim.abandon()
})
