import assert from 'node:assert/strict'
import test from 'node:test'
import { converse, rawRequest, statusesOf } from '../../support/raw.ts'
import { startApp } from '../../support/server.ts'
import { stall } from '../../support/stall.ts'

test('a request that came during a stall is answered, and then an idle connection closes', async (t) => {
  const { url } = await startApp(t, {}, { keepAliveTimeoutMs: 100 })
  const { socket, until, heard, ended } = await converse(t, url)
  socket.write(rawRequest('GET /echo'))
  await until(/ECHO/)
  socket.write(rawRequest('GET /echo'))
  stall(1500)
  await until(/ECHO.*ECHO/s)
  await ended
  assert.deepEqual(statusesOf(heard()), [200, 200])
})
