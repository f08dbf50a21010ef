import assert from 'node:assert/strict'
import test from 'node:test'
import { buildRelease, startWorker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const rounds = 100
const readsPerRound = 100

test('after a PUT is acknowledged, 10,000 reads over both workers never see the old string', async (t) => {
  const release = await buildRelease()
  const dataDir = makeDataDir()
  const names = ['0', '1']
  const workers = await Promise.all(names.map((name) => startWorker(t, { release, dataDir, name })))
  let stale = 0

  for (let round = 0; round < rounds; round += 1) {
    const writer = workers[round % 2]?.url as string
    const put = await fetch(writer, { method: 'PUT', body: `round ${round}` })
    assert.equal(put.status, 204)
    const reads = Array.from(
      { length: readsPerRound },
      (_, read) => workers[read % 2]?.url as string,
    )
    const pages = await Promise.all(reads.map(async (url) => (await fetch(url)).text()))
    stale += pages.filter(
      (page) => !page.includes(`<h1>The saved string is round ${round}</h1>`),
    ).length
  }
  assert.equal(stale, 0)
})
