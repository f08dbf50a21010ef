import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { createPeers } from '../../../server/operations/peers.ts'
import { eventually } from '../../support/eventually.ts'
import { makeDataDir } from '../../support/server.ts'
import { siteOf, socketsOf } from '../../support/sockets.ts'

test('a socket gets its name once it answers, or its worker would be taken for dead', async (t) => {
  const dataDir = makeDataDir()
  startPeer(t, dataDir, '0')
  assert.deepEqual(socketsOf(dataDir), [])
  await eventually(async () => socketsOf(dataDir).length === 1)
})

test('workers find each other, and forget one that ended', async (t) => {
  const dataDir = makeDataDir()
  const first = startPeer(t, dataDir, '0')
  const second = startPeer(t, dataDir, '1')
  await eventually(async () => socketsOf(dataDir).length === 2)
  assert.deepEqual(
    (await first.states()).map(({ worker }) => worker),
    ['0', '1'],
  )
  second.close()
  assert.deepEqual(
    (await first.states()).map(({ worker }) => worker),
    ['0'],
  )
  assert.equal(socketsOf(dataDir).length, 1)
})

function startPeer(t: TestContext, dataDir: string, worker: string) {
  const config = { ...siteOf(dataDir), worker }
  const peers = createPeers(config, () => ({ worker, startedAt: 1 }))
  t.after(() => peers.close())
  return peers
}
