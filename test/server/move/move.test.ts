import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openBox } from '../../../server/move/box.ts'
import { needsDynoxide, startDynoxide } from '../../support/dynoxide.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem, getJson, send, sendJson } from '../../support/http.ts'
import { type Death, Killed, type MoveSites, startMoveSites } from '../../support/moves.ts'
import { load, type Page, titlesOf, walk } from '../../support/movies.ts'
import { startServer } from '../../support/server.ts'
import { assertAllThere, startWriters } from '../../support/writers.ts'

const skip = needsDynoxide
const engine = skip ? '' : await startDynoxide()

const movies = Array.from({ length: 24 }, (_, index) => ({
  year: 1900 + index,
  title: index % 5 === 0 ? `Été 👋 ${index}` : `Film ${index}`,
  info: { rating: index / 4, plot: 'x'.repeat(50 * index) },
}))
const names = ['Anna', 'Bea', 'Zoë', 'Łukasz', 'Ирина']
const longString = 'é'.repeat(200_000)

/** Thirty rows. */
async function fill(url: string, string = longString) {
  await load(url, movies)
  for (const [index, name] of names.entries()) {
    const dateOfBirth = `199${index}-02-28`
    await sendJson('PUT', `${url}/hello/${encodeURIComponent(name)}`, { dateOfBirth })
  }
  await send('PUT', url, string, { 'content-type': 'text/plain' })
}

const oneMovie = `/movies?year=1907&title=Film%207`

/** Everything but what the writers write. */
async function contentOf(url: string) {
  const { movies } = await getJson<Page>(`${url}/movies?limit=1000`)
  const tags = await Promise.all(
    [oneMovie, '/hello/Anna'].map(async (path) => (await fetch(url + path)).headers.get('etag')),
  )
  const isOwn = ({ title }: { title: string }) => !title.startsWith('Written by')
  return [movies.filter(isOwn), tags]
}

/** Replaces a movie of which only its tag from before is known. */
async function replaceBy(url: string, etag: string | null) {
  const headers = { 'if-match': String(etag) }
  return sendJson('POST', `${url}/movies`, { year: 1907, title: 'Film 7', info: {} }, headers)
}

/** The data goes to the tables and back, while clients write all the time. */
test('a move and its way back lose no acknowledged write', { skip }, async (t) => {
  const sites = await startMoveSites(t, engine)
  const { box, wide, move } = sites
  await fill(box.url)
  const before = await contentOf(box.url)
  const writers = startWriters(box.url)
  await writers.untilAcknowledged(5)
  await move('to tables')
  await writers.untilAcknowledged(5)
  await writers.stop()
  await assertAllThere(wide.stores, writers.progress)
  assert.deepEqual(await contentOf(wide.url), before)
  assert.deepEqual(await contentOf(box.url), before)

  const others = startWriters(wide.url)
  await others.untilAcknowledged(5)
  await move('to box')
  await others.untilAcknowledged(5)
  await others.stop()
  await assertAllThere(box.stores, others.progress)
  assert.deepEqual(await contentOf(box.url), before)
  const [, [etag]] = before as [unknown, string[]]
  assert.equal((await replaceBy(wide.url, etag as string)).status, 200)
  assert.equal((await replaceBy(box.url, etag as string)).status, 412)
})

const directions = ['to tables', 'to box'] as const

/** Starts the data on one side and gives a writer's URL, and the side that has the data at the end. */
async function startAt(t: test.TestContext, direction: (typeof directions)[number]) {
  // A server that is asked once must not answer 503 on a busy machine.
  const limits = direction === 'to tables' ? { lateWriteMs: 60_000 } : {}
  const sites = await startMoveSites(t, engine, limits)
  const { box, wide } = sites
  const [from, to] = direction === 'to tables' ? [box, wide] : [wide, box]
  await fill(from.url, 'a string')
  return { ...sites, from, to }
}

/** Moves as a run that dies, and then as one that does not. Writers decide how long a run is. */
async function moveInSpiteOf(
  { move, forgetHolder }: MoveSites,
  direction: (typeof directions)[number],
  death: Death,
) {
  try {
    await move(direction, { death })
  } catch (error) {
    if (!isDeath(error as Error)) throw error
    await forgetHolder()
    await move(direction)
  }
}

/** Also one that the client of DynamoDB has made an answer of. */
function isDeath(error: Error): boolean {
  return error instanceof Killed || error.cause instanceof Killed
}

/** One for each direction. */
type Deaths = Record<(typeof directions)[number], Death>

/** All moments of a move there and back, or a few of them. */
async function momentsOf(t: test.TestContext, sites: MoveSites): Promise<Deaths[]> {
  const [there, back] = [
    await allMoments(t, sites, 'to tables'),
    await allMoments(t, sites, 'to box'),
  ]
  const count = process.env.MOVE_MOMENTS === 'all' ? Math.max(there.length, back.length) : 10
  const step =
    process.env.MOVE_MOMENTS === 'all' ? () => 1 : () => 1 + Math.floor(Math.random() * 30)
  let at = 0
  return Array.from({ length: count }, () => {
    at += step()
    return { 'to tables': pick(there, at), 'to box': pick(back, at) }
  })
}

async function allMoments(
  t: test.TestContext,
  { move, box }: MoveSites,
  direction: (typeof directions)[number],
): Promise<Death[]> {
  const writers = startWriters(box.url)
  await writers.untilAcknowledged(3)
  const { calls, statements } = await move(direction)
  await writers.stop()
  t.diagnostic(`${direction}: ${calls} calls, ${statements} statements`)
  return [
    ...upTo(calls).map((at) => ({ by: 'before call' as const, at })),
    ...upTo(calls).map((at) => ({ by: 'after call' as const, at })),
    ...upTo(statements).map((at) => ({ by: 'statement' as const, at })),
  ]
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

function pick<Item>(items: Item[], at: number): Item {
  return items[at % items.length] as Item
}

// All with the same servers, as to start them takes longer than to move.
test('a move that is killed at any moment is finished by the next, there and back', {
  skip,
}, async (t) => {
  let sites = await startMoveSites(t, engine)
  await fill(sites.box.url, 'a string')
  for (const deaths of await momentsOf(t, sites)) {
    await t.test(
      directions.map((to) => `${to}: ${deaths[to].by} ${deaths[to].at}`).join(', '),
      () =>
        roundTrip(sites, deaths).catch(async (error) => {
          sites = await startMoveSites(t, engine)
          await fill(sites.box.url, 'a string')
          throw error
        }),
    )
  }
})

async function roundTrip(sites: MoveSites, deaths: Deaths) {
  const { box, wide } = sites
  const before = await contentOf(box.url)
  for (const direction of directions) {
    const writers = startWriters(box.url)
    await writers.untilAcknowledged(2)
    await moveInSpiteOf(sites, direction, deaths[direction])
    await writers.untilAcknowledged(2)
    await writers.stop()
    await assertAllThere((direction === 'to tables' ? wide : box).stores, writers.progress)
    for (const { url } of [box, wide]) assert.deepEqual(await contentOf(url), before)
  }
  const [, [etag]] = before as [unknown, string[]]
  assert.equal((await replaceBy(box.url, etag as string)).status, 200)
}

test('while a move has writes wait, they answer 503 and reads go on', { skip }, async (t) => {
  const sites = await startMoveSites(t, engine)
  const { box, wide, move } = sites
  await fill(box.url, 'a string')
  const before = await contentOf(box.url)
  await move('to tables', {
    async onStep(name) {
      if (name === 'rows') await untilStatus(box.url, 'copying')
      if (name !== 'summary') return
      await assertWritesWait(box.url)
      await assertWritesWait(wide.url)
      assert.deepEqual(await contentOf(box.url), before)
      assert.deepEqual(await contentOf(wide.url), before)
      for (const { url } of [box, wide]) await untilStatus(url, 'writes wait')
    },
  })
  await untilStatus(box.url, 'moved')
  await untilStatus(wide.url, undefined)
})

async function untilStatus(url: string, status: string | undefined) {
  await eventually(async () => (await healthOf(url)).move?.status === status)
}

function healthOf(url: string) {
  return getJson<{ move?: { status: string; other: string } }>(`${url}/healthz`)
}

async function assertWritesWait(url: string) {
  const body = { year: 1999, title: 'Not now', info: {} }
  for (const response of [
    await sendJson('POST', `${url}/movies`, body),
    await sendJson('PUT', `${url}/hello/nobody`, { dateOfBirth: '1999-01-01' }),
    await send('PUT', url, 'not now'),
    await send('DELETE', url + oneMovie),
  ]) {
    assert.equal(response.headers.get('retry-after'), '2')
    await expectProblem(response, 503, /^The data is being moved: try again in a few seconds$/)
  }
}

test('with 16 writers on two workers, nothing is stored once writes wait, and nothing acknowledged is lost', {
  skip,
}, async (t) => {
  const { box, wide, move } = await startMoveSites(t, engine)
  const other = await startServer(t, { DATA_DIR: box.dataDir, NODE_APP_INSTANCE: '1' })
  const acknowledged: string[] = []
  let isOver = false
  const writers = Array.from({ length: 16 }, (_, index) => write(index))
  const count = box.database.read.prepare('SELECT count(*) FROM movies').pluck()
  await move('to tables', {
    async onStep(name) {
      if (name === 'rows') await eventually(async () => acknowledged.length > 50)
      if (name !== 'summary') return
      const before = count.get()
      await delay(300)
      assert.equal(count.get(), before)
    },
  })
  isOver = true
  await Promise.all(writers)
  const pages = await walk(wide.url, '/movies?limit=1000')
  const titles = new Set(pages.flatMap(({ movies }) => movies.map(({ title }) => title)))
  assert.deepEqual(
    acknowledged.filter((title) => !titles.has(title)),
    [],
  )

  async function write(index: number) {
    for (let number = 0; !isOver; number += 1) {
      const movie = { year: 2001, title: `${index} ${number}`, info: {} }
      const { ok, status } = await sendJson('POST', `${index % 2 ? box.url : other}/movies`, movie)
      assert.ok(ok || status === 503, `${status}`)
      if (ok) acknowledged.push(movie.title)
      await delay(50)
    }
  }
})

test('a server whose data has moved sends its visitors on, and still tells of itself', {
  skip,
}, async (t) => {
  const { box, wide, move } = await startMoveSites(t, engine)
  await move('to tables')
  for (const path of ['/', '/movies?year=1933', '/hello/Anna', '/edit']) {
    const response = await fetch(box.url + path, { redirect: 'manual' })
    assert.equal(response.status, 307, path)
    assert.equal(response.headers.get('location'), wide.url + path)
    assert.equal(response.headers.get('cache-control'), 'no-store')
  }
  for (const path of ['/healthz', '/metrics', '/status']) {
    assert.equal((await fetch(box.url + path, { redirect: 'manual' })).status, 200, path)
  }
  const text = { 'content-type': 'text/plain' }
  assert.equal((await send('PUT', box.url, 'through the old address', text)).status, 204)
  assert.equal((await wide.stores.savedStrings.current()).value, 'through the old address')
})

test('tables with data are refused, and serve as before', { skip }, async (t) => {
  const { box, wide, move } = await startMoveSites(t, engine)
  await fill(box.url, 'of the machine')
  await send('PUT', wide.url, 'of the tables')
  await assert.rejects(move('to tables'), { message: /has data\. Use --overwrite to replace it$/ })
  assert.equal((await send('PUT', wide.url, 'still')).status, 204)
  await move('to tables', { overwrite: true })
  assert.equal((await wide.stores.savedStrings.current()).value, 'of the machine')
})

test('a machine with data is refused, and the tables serve as before', { skip }, async (t) => {
  const { box, wide, move } = await startMoveSites(t, engine)
  await fill(wide.url, 'of the tables')
  await send('PUT', box.url, 'of the machine')
  await assert.rejects(move('to box'), {
    message:
      'The database has data: 0 birthdays, 0 movies and the saved string. Use --overwrite to replace it',
  })
  assert.equal((await send('PUT', wide.url, 'still')).status, 204)
  assert.equal((await send('PUT', box.url, 'still')).status, 204)
  await move('to box', { overwrite: true })
  assert.equal((await box.stores.savedStrings.current()).value, 'still')
})

/** A run whose connection to the machine is lost at this step. */
function lostAt(step: string) {
  let isLost = false
  return {
    async onStep(name: string) {
      isLost ||= name === step
      if (isLost) throw new Killed()
    },
  }
}

const interruptions = {
  'to tables': ['begin', 'rows', 'changes', 'fence', 'summary', 'leave'].map(lostAt),
  'to box': [
    ...['receive', 'summary'].map(lostAt),
    { death: { by: 'before call', at: 5 } as Death },
    { death: { by: 'after call', at: 10 } as Death },
  ],
}

for (const direction of directions) {
  test(`a move ${direction} is cancelled wherever it was interrupted, and everything is as before`, {
    skip,
  }, async (t) => {
    for (const [index, interruption] of interruptions[direction].entries()) {
      await t.test(`interruption ${index}`, async (t) => {
        const { from, to, move, cancel, forgetHolder } = await startAt(t, direction)
        const before = await contentOf(from.url)
        const writers = startWriters(from.url)
        await assert.rejects(move(direction, interruption), isDeath)
        await forgetHolder()
        await cancel()
        await writers.untilAcknowledged(2)
        await writers.stop()
        await assertAllThere(from.stores, writers.progress)
        assert.deepEqual(await contentOf(from.url), before)
        for (const { url } of [from, to]) await untilStatus(url, undefined)
        if (direction === 'to box') return
        await send('PUT', to.url, 'usable')
        assert.deepEqual(await titlesOf(to.url), [])
        await assert.rejects(cancel(), { message: 'No move is under way' })
      })
    }
  })
}

test('a move to a machine that fails has writes wait no longer', { skip }, async (t) => {
  const { from, move } = await startAt(t, 'to box')
  const onStep = async (name: string) => {
    if (name === 'receive') throw new Killed()
  }
  await assert.rejects(move('to box', { onStep }), isDeath)
  await untilStatus(from.url, undefined)
  const writers = startWriters(from.url)
  await writers.untilAcknowledged(1)
  await writers.stop()
})

test('a cancelled move leaves nothing that the next one takes for data', { skip }, async (t) => {
  const { from, to, move, cancel, forgetHolder } = await startAt(t, 'to tables')
  const onStep = async (name: string) => {
    if (name === 'changes') throw new Killed()
  }
  await assert.rejects(move('to tables', { onStep }), isDeath)
  await forgetHolder()
  await cancel()
  await send('DELETE', from.url + oneMovie)
  await move('to tables')
  assert.equal((await fetch(to.url + oneMovie)).status, 404)
  // A year that the server on the tables remembers from before.
  await sendJson('POST', `${to.url}/movies`, { year: 1907, title: 'New', info: {} })
  assert.deepEqual(await titlesOf(to.url, 'year=1907'), ['New'])
})

test('a row that changes between its copy and the removal of its note is copied again', {
  skip,
}, async (t) => {
  const { from, to, move } = await startAt(t, 'to tables')
  const save = (number: number) =>
    sendJson('POST', `${from.url}/movies`, { year: 1907, title: 'Film 7', info: { number } })
  await move('to tables', {
    async onStep(name) {
      if (name === 'fence') return
      // Twice while notes are taken: the second upsert of a key must not fail.
      for (const number of name === 'rows' ? [1, 2] : name === 'forget' ? [3] : []) {
        const { status } = await save(number)
        assert.ok([200, 503].includes(status), `${status}`)
      }
    },
  })
  const { info } = await getJson<{ info: { number: number } }>(to.url + oneMovie)
  assert.deepEqual(info, { number: 3 })
})

test('two movers: the second is refused while the first is alive', { skip }, async (t) => {
  const { move } = await startAt(t, 'to tables')
  const times = { silenceMs: 2000 }
  let refused: Promise<void> | undefined
  await move('to tables', {
    async onStep(name) {
      if (name !== 'rows') return
      refused ??= assert.rejects(move('to tables', { times }), {
        message: 'Another run is moving the data: wait until it ends',
      })
      await refused
    },
  })
  assert.ok(refused)
})

test('machines and tables of another move are refused', { skip }, async (t) => {
  const { from, to, move, wide } = await startAt(t, 'to tables')
  await move('to tables')
  const other = await startMoveSites(t, engine)
  const box = openBox(from.dataDir)
  t.after(box.close)
  assert.throws(() => box.begin('others'), {
    message: `The data has moved to ${wide.url}, not to others: finish or cancel that move first`,
  })
  assert.equal((await send('PUT', to.url, 'here')).status, 204)
  assert.equal((await send('PUT', other.box.url, 'there')).status, 204)
})

test('what a machine has and DynamoDB cannot is refused before anything changes', {
  skip,
}, async (t) => {
  const { box, wide, move, cancel } = await startMoveSites(t, engine)
  const long = 'あ'.repeat(342)
  await box.database.write.run("INSERT INTO movies VALUES (1999, :long, '{}', 1, NULL)", { long })
  await assert.rejects(move('to tables'), {
    message: /^A title has more than 1024 bytes, .* delete the movie of 1999, "あ{40}…"$/,
  })
  for (const { url } of [box, wide]) {
    assert.equal((await send('PUT', url, 'as before')).status, 204)
  }
  await assert.rejects(cancel(), { message: 'No move is under way' })
})
