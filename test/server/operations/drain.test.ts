import assert from 'node:assert/strict'
import net from 'node:net'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readHeading, sendJson } from '../../support/http.ts'
import { startProgram } from '../../support/program.ts'
import { converse, rawRequest, statusesOf } from '../../support/raw.ts'
import { startApp, startServer } from '../../support/server.ts'
import { stall } from '../../support/stall.ts'

const patient = { drainTimeoutMs: 20_000, drainIdleMs: 15_000, keepAliveTimeoutMs: 15_000 }

/** Whether a new connection is refused. */
function isClosed(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), hostname, () => resolve(false))
    socket.on('error', () => resolve(true)).on('connect', () => socket.destroy())
  })
}

test('a connection that idles is still answered after the drain began, then closed', async (t) => {
  const { url, drain } = await startApp(t, {}, patient)
  const { socket, until, ended, heard } = await converse(t, url)
  socket.write(rawRequest('GET /echo'))
  await until(/ECHO: GET\n/)
  assert.match(heard(), /\r\nConnection: keep-alive\r\n/)
  const drained = drain()
  assert.ok(await isClosed(url))
  socket.write(rawRequest('PUT /', ['Content-Length: 5'], 'hello'))
  await until(/HTTP\/1\.1 204 No Content\r\n.*\r\nConnection: close\r\n/s)
  await ended
  socket.end()
  await drained
})

test('a request that came during a stall is answered before idle connections close', async (t) => {
  const { url, drain } = await startApp(t, {}, { ...patient, drainIdleMs: 500 })
  const { socket, until } = await converse(t, url)
  socket.write(rawRequest('GET /echo'))
  await until(/ECHO/)
  const drained = drain()
  socket.write(rawRequest('GET /echo'))
  stall(1000)
  await until(/Connection: close\r\n.*ECHO/s)
  socket.end()
  await drained
})

test('a request in progress when the drain starts is answered and stored', async (t) => {
  const { url, dataDir, drain } = await startApp(t, {}, patient)
  const { socket, until, ended } = await converse(t, url)
  socket.write(rawRequest('PUT /', ['Content-Length: 5', 'Expect: 100-continue']))
  await until(/100 Continue/)
  const drained = drain()
  socket.write('hello')
  await until(/HTTP\/1\.1 204 No Content\r\n.*\r\nConnection: close\r\n/s)
  await ended
  socket.end()
  await drained
  const next = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  assert.equal(await readHeading(next), 'hello')
})

test('event streams end when the drain starts, and no new ones start', async (t) => {
  const { url, drain } = await startApp(t, {}, patient)
  const idle = await converse(t, url)
  idle.socket.write(rawRequest('GET /echo'))
  await idle.until(/ECHO/)
  const stream = await converse(t, url)
  stream.socket.write(rawRequest('GET /events'))
  await stream.until(/data: "dynamic string"/)
  const drained = drain()
  await stream.until(/\r\n0\r\n\r\n$/)
  stream.socket.end()
  idle.socket.write(rawRequest('GET /events'))
  await idle.until(/HTTP\/1\.1 503 /)
  await idle.ended
  idle.socket.end()
  await drained
})

test('GET /healthz answers 503 while draining, and the other workers list it', async (t) => {
  const { url, dataDir, drain } = await startApp(t, {}, patient)
  const other = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  const { socket, until, ended } = await converse(t, url)
  socket.write(rawRequest('GET /echo'))
  await until(/ECHO/)
  const drained = drain()
  const health = await (await fetch(`${other}/healthz`)).json()
  assert.deepEqual(
    (health as { workers: { draining: boolean }[] }).workers.map(({ draining }) => draining),
    [true, false],
  )
  socket.write(rawRequest('GET /healthz'))
  await until(/HTTP\/1\.1 503 .*"status":"failing","problem":"draining"/s)
  await ended
  socket.end()
  await drained
})

test('a connection that stays idle is closed soon, however long the keep-alive time', async (t) => {
  const hurried = { drainTimeoutMs: 600_000, drainIdleMs: 300 }
  const { url, drain } = await startApp(t, { KEEP_ALIVE_SECONDS: '600' }, hurried)
  const { socket, until, ended } = await converse(t, url)
  socket.write(rawRequest('GET /echo'))
  await until(/ECHO/)
  await drain()
  await ended
})

// In a reload. A load balancer may keep an idle connection for a minute and then send a request.
test('a drain keeps idle connections while another worker accepts new ones', async (t) => {
  const limits = { drainIdleMs: 0, drainExtraMs: 600_000, drainTimeoutMs: 0 }
  const { url, dataDir, drain } = await startApp(t, {}, { ...limits, keepAliveTimeoutMs: 600_000 })
  const other = await startApp(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  const [used, idle] = [await converse(t, url), await converse(t, url)]
  for (const { socket, until } of [used, idle]) {
    socket.write(rawRequest('GET /echo'))
    await until(/ECHO/)
  }
  const drained = drain()
  await sleep(1000)
  used.socket.write(rawRequest('GET /echo'))
  await used.until(/ECHO.*\r\nConnection: close\r\n/s)
  await used.ended
  used.socket.end()
  // Once none does, new connections would wait for the drain.
  other.drain()
  await idle.ended
  await drained
})

test('a request that never ends is ended by the hard limit', async (t) => {
  const { url, drain } = await startApp(t, {}, { ...patient, drainTimeoutMs: 300 })
  const { socket, until, ended, heard } = await converse(t, url)
  socket.write(rawRequest('PUT /', ['Content-Length: 5', 'Expect: 100-continue']))
  await until(/100 Continue/)
  await drain()
  await ended
  assert.deepEqual(statusesOf(heard()), [100])
})

test('SIGTERM and SIGINT end the process in order and lose no confirmed write', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { url, child, exited, output } = await startProgram(t)
    const birthday = { dateOfBirth: '1990-04-23' }
    const headers = { connection: 'close' }
    const response = await sendJson('PUT', `${url}/hello/Ann`, birthday, headers)
    assert.equal(response.status, 204)
    child.kill(signal)
    assert.equal(await exited, 0, output())
    const messages = [...output().matchAll(/"message":"(\w+)"/g)].map((match) => match[1])
    assert.deepEqual(messages, ['listening', 'draining', 'stopped'])
    assert.doesNotMatch(output(), /"level":"error"|Warning/)
  }
})
