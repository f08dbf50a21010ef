import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import SQLite from 'better-sqlite3'
import type { Health } from '../../../server/operations/health.ts'
import { socketPrefix } from '../../../server/operations/sockets.ts'
import { eventually } from '../../support/eventually.ts'
import { getJson } from '../../support/http.ts'
import { startProgram } from '../../support/program.ts'
import { makeDataDir, startApp, startServer } from '../../support/server.ts'
import { siteOf, socketsOf } from '../../support/sockets.ts'

const healthOf = (url: string) => getJson<Health>(`${url}/healthz`)

test('GET /healthz reports that this worker works, and its release', async (t) => {
  const url = await startServer(t, { RELEASE_ID: 'abc', NODE_APP_INSTANCE: '2' })
  const health = await healthOf(url)
  assert.equal(health.status, 'ok')
  assert.equal(health.release, 'abc')
  assert.equal(health.worker, '2')
  assert.ok(health.uptimeSeconds >= 0)
  assert.ok(!('problem' in health))
  assert.ok(Math.abs(Date.now() - Date.parse(health.workers[0]?.startedAt ?? '')) < 60_000)
})

test('the start and the age of a process stay right when the clock is set back', async (t) => {
  const url = await startServer(t)
  const startOf = async () =>
    /^process_start_time_seconds\{.*\} (.*)$/m.exec(
      await (await fetch(`${url}/metrics`)).text(),
    )?.[1]
  const before = await startOf()
  const hourAgo = Date.now() - 3_600_000
  t.mock.method(Date, 'now', () => hourAgo)
  assert.ok((await healthOf(url)).uptimeSeconds >= 0)
  assert.equal(await startOf(), before)
  assert.ok(Math.abs(Number(before) - performance.timeOrigin / 1000) < 1)
})

test('GET /healthz lists all workers of the folder, whichever answers', async (t) => {
  const { url: one, dataDir } = await startApp(t, { RELEASE_ID: 'old' })
  const env = { DATA_DIR: dataDir, RELEASE_ID: 'new' }
  const ten = await startServer(t, { ...env, NODE_APP_INSTANCE: '10' })
  await startServer(t, { ...env, NODE_APP_INSTANCE: '2' })
  for (const url of [one, ten]) {
    const { workers } = await healthOf(url)
    assert.deepEqual(
      workers.map(({ worker, release, draining }) => `${worker} ${release} ${draining}`),
      ['0 old false', '2 new false', '10 new false'],
    )
  }
})

test('GET /healthz includes the deploy state, and works when it cannot be read', async (t) => {
  const file = join(makeDataDir(), 'converge.json')
  const url = await startServer(t, { DEPLOY_STATE_FILE: file })
  const deployOf = async () => ((await healthOf(url)) as Health & { deploy?: object }).deploy
  assert.equal(await deployOf(), undefined)

  const state = {
    status: 'rejected',
    release: 'abc',
    reason: 'It throws',
    at: '2026-11-21T09:00:00Z',
  }
  writeFileSync(file, JSON.stringify(state))
  assert.deepEqual(await deployOf(), state)

  for (const broken of ['{"status": "rej', 'null', '']) {
    writeFileSync(file, broken)
    assert.equal(await deployOf(), undefined, broken)
    assert.equal((await healthOf(url)).status, 'ok')
  }
})

test('GET /healthz shows the log of a rejected deploy to those with the token only', async (t) => {
  const file = join(makeDataDir(), 'converge.json')
  const log = ['Error: Broken at start']
  writeFileSync(file, JSON.stringify({ status: 'rejected', log, at: '2026-11-21T09:00:00Z' }))
  const url = await startServer(t, { DEPLOY_STATE_FILE: file, WRITE_TOKEN: 'red' })
  const logFor = async (headers: Record<string, string>) =>
    ((await (await fetch(`${url}/healthz`, { headers })).json()) as Health).deploy?.log
  assert.equal(await logFor({}), undefined)
  assert.equal(await logFor({ authorization: 'Bearer blue' }), undefined)
  assert.deepEqual(await logFor({ authorization: 'Bearer red' }), log)
})

test('GET /healthz contains only these facts, and is not cached', async (t) => {
  const response = await fetch(`${await startServer(t)}/healthz`)
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const { workers, ...health } = (await response.json()) as Health
  const facts = ['release', 'status', 'uptimeSeconds', 'worker']
  assert.deepEqual(Object.keys(health).sort(), facts)
  assert.deepEqual(Object.keys(workers[0] ?? {}).sort(), [
    'draining',
    'release',
    'startedAt',
    'worker',
  ])
})

test('GET /healthz answers 503 while the database cannot be written, and 200 again after', async (t) => {
  const { url, dataDir } = await startApp(t)
  const database = new SQLite(join(dataDir, 'onebox.db'))
  database.exec('ALTER TABLE heartbeats RENAME TO away')
  const response = await fetch(`${url}/healthz`)
  assert.equal(response.status, 503)
  const { status, problem } = (await response.json()) as Health
  assert.equal(status, 'failing')
  assert.ok(problem)
  assert.equal((await fetch(url)).status, 200)
  database.exec('ALTER TABLE away RENAME TO heartbeats')
  database.close()
  await eventually(async () => (await fetch(`${url}/healthz`)).status === 200)
})

test('health checks cost one write a second, however many there are', async (t) => {
  const { url, database } = await startApp(t)
  await Promise.all(Array.from({ length: 50 }, () => healthOf(url)))
  assert.ok(database.write.totals.writes < 10, `${database.write.totals.writes} writes`)
})

test('a worker that has ended leaves the list, and no socket behind', async (t) => {
  const { url, dataDir } = await startApp(t)
  const other = await startApp(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  assert.equal((await healthOf(url)).workers.length, 2)
  assert.equal(socketsOf(dataDir).length, 2)
  other.server.closeAllConnections()
  await other.drain()
  assert.equal((await healthOf(url)).workers.length, 1)
  assert.equal(socketsOf(dataDir).length, 1)
})

test('a worker that was killed leaves the list, and its socket is removed', async (t) => {
  const { url, dataDir } = await startApp(t)
  const killed = await startProgram(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  assert.equal((await healthOf(url)).workers.length, 2)
  killed.child.kill('SIGKILL')
  await killed.exited
  assert.equal(socketsOf(dataDir).length, 2)
  assert.deepEqual(
    (await healthOf(url)).workers.map(({ worker }) => worker),
    ['0'],
  )
  assert.equal(socketsOf(dataDir).length, 1)
})

test('of two processes of one worker, as in a reload, the newer one counts', async (t) => {
  const { url, dataDir } = await startApp(t, { RELEASE_ID: 'other' })
  const env = { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' }
  await startProgram(t, { ...env, RELEASE_ID: 'old' })
  await startProgram(t, { ...env, RELEASE_ID: 'new' })
  const { workers } = await healthOf(url)
  assert.deepEqual(
    workers.map(({ worker, release }) => `${worker} ${release}`),
    ['0 other', '1 new'],
  )
})

test('a worker that is silent or answers nonsense is left out and delays nobody', async (t) => {
  const { url, dataDir } = await startApp(t)
  const prefix = socketPrefix(siteOf(dataDir))
  const answers: ((socket: net.Socket) => void)[] = [
    () => {},
    (socket) => socket.end('nonsense'),
    (socket) => socket.destroy(),
    (socket) => socket.end('null'),
    (socket) => socket.end('{}'),
  ]
  const sockets: net.Socket[] = []
  for (const [index, answer] of answers.entries()) {
    const server = net.createServer((socket) => {
      sockets.push(socket)
      answer(socket)
    })
    server.listen({ path: `${prefix}9${index}-1.sock`, exclusive: true })
    t.after(() => server.close())
  }
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  writeFileSync(`${prefix}8-1.sock`, 'no socket at all')
  const { status, workers } = await healthOf(url)
  assert.equal(status, 'ok')
  assert.deepEqual(
    workers.map(({ worker }) => worker),
    ['0'],
  )
})

test('GET /healthz lists the workers of pm2 that do not answer, and /metrics reports them as down', async (t) => {
  const { url, dataDir } = await startApp(t, { NODE_APP_INSTANCE: '0', WEB_CONCURRENCY: '3' })
  listenInVain(t, `${socketPrefix(siteOf(dataDir))}2-1.sock`)
  const { status, silent } = await healthOf(url)
  assert.equal(status, 'ok', 'a balancer must not take this worker out for its sibling')
  assert.deepEqual(silent, ['1', '2'])
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const up = [...metrics.matchAll(/^onebox_worker_up\{worker="(\d)"\} (\d)$/gm)]
  assert.deepEqual(
    up.map(([, worker, value]) => `${worker} ${value}`),
    ['0 1', '1 0', '2 0'],
  )
})

test('a worker that hangs delays the answer only for a moment', async (t) => {
  const { url, dataDir } = await startApp(t)
  const connections = listenInVain(t, `${socketPrefix(siteOf(dataDir))}1-1.sock`)
  await eventually(async () => {
    const before = connections.size
    await healthOf(url)
    return before > 0 && connections.size === before
  })
})

/** A worker that hangs without an answer. Returns its connections. */
function listenInVain(t: TestContext, path: string): Set<net.Socket> {
  const connections = new Set<net.Socket>()
  const server = net.createServer((socket) => connections.add(socket))
  server.listen({ path, exclusive: true })
  t.after(() => {
    for (const socket of connections) socket.destroy()
    server.close()
  })
  return connections
}
