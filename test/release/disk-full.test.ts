import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { cannotMount, namespace } from '../support/can-mount.ts'
import { eventually } from '../support/eventually.ts'
import { buildRelease, freePort, spawnFor, untilHealth } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const skip = cannotMount

test('with a full disk, writes answer 507, reads work, and the server recovers by itself', {
  skip,
}, async (t) => {
  const { ballast, startServer } = await mountSmallDisk(t)
  const { url } = await startServer()
  await untilHealth(url, ({ status }) => status === 'ok')
  await putString(url, 'before')

  const full = await fillUp(url)
  assert.equal(full.status, 507)
  assert.match(((await full.json()) as { detail: string }).detail, /disk is full/)
  assert.equal((await putString(url, 'x'.repeat(100_000))).status, 507)
  assert.match(await (await fetch(url)).text(), /<h1>The saved string is before<\/h1>/)
  const listed = (await (await fetch(`${url}/movies?limit=1`)).json()) as { movies: unknown[] }
  assert.equal(listed.movies.length, 1)

  rmSync(ballast)
  assert.equal((await putString(url, 'after')).status, 204)
  assert.match(await (await fetch(url)).text(), /<h1>The saved string is after<\/h1>/)
  await untilHealth(url, ({ status }) => status === 'ok')
})

test('a start on a full disk after a clean stop serves reads, says why, and recovers by itself', {
  skip,
}, async (t) => {
  const disk = await mountSmallDisk(t)
  const { url, child } = await disk.startServer()
  await untilHealth(url, ({ status }) => status === 'ok')
  await putString(url, 'before')
  await stop(child)

  disk.fill()
  const again = await disk.startServer()
  const { problem } = await untilHealth(again.url, ({ status }) => status === 'failing')
  assert.match(problem ?? '', /^The disk is full/)
  const line = /"level":"error".*"The disk is full: reads work, writes answer 507"/
  await eventually(async () => line.test(again.child.output()))
  assert.match(await (await fetch(again.url)).text(), /<h1>The saved string is before<\/h1>/)
  assert.equal((await putString(again.url, 'x'.repeat(100_000))).status, 507)

  rmSync(disk.ballast)
  await untilHealth(again.url, ({ status }) => status === 'ok')
  assert.equal((await putString(again.url, 'after')).status, 204)
})

test('a start that needs space on a full disk says so', { skip }, async (t) => {
  const disk = await mountSmallDisk(t)
  disk.fill()
  const { child } = await disk.startServer()
  await once(child, 'exit')
  assert.equal(child.exitCode, 1)
  assert.match(child.output(), /^onebox: The disk is full: free some space in \S+\n$/)
})

/** A disk of 6 MB for the data, half of it taken by `ballast`, in a mount namespace of its own. */
async function mountSmallDisk(t: test.TestContext) {
  const server = join(await buildRelease(), 'server.cjs')
  const dataDir = makeDataDir()
  const script = `mount -t tmpfs -o size=6m tmpfs "$0"
    head -c 3000000 /dev/zero > "$0/ballast"
    echo ready
    exec sleep infinity`
  const args = [...namespace, 'sh', '-ec', script, dataDir]
  const holder = spawnFor(t, args, { command: 'unshare' })
  await eventually(async () => holder.output() === 'ready\n')
  // The way into the namespace for us who are outside of it.
  const folder = join(`/proc/${holder.pid}/root`, dataDir)
  return { ballast: join(folder, 'ballast'), fill, startServer }

  function fill() {
    assert.throws(() => writeFileSync(join(folder, 'filler'), Buffer.alloc(6 * 2 ** 20)), {
      code: 'ENOSPC',
    })
  }

  async function startServer() {
    const port = await freePort()
    const env = { DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'error' }
    const inside = ['--target', String(holder.pid), '--user', '--mount', process.execPath, server]
    const child = spawnFor(t, inside, { command: 'nsenter', env })
    return { child, url: `http://127.0.0.1:${port}` }
  }
}

async function stop(child: ChildProcess) {
  child.kill()
  await once(child, 'exit')
  assert.equal(child.exitCode, 0)
}

/** Adds movies until the server has no room for one more; gives its answer. */
async function fillUp(url: string): Promise<Response> {
  for (let year = 1; year < 1000; year += 1) {
    const body = JSON.stringify({ year, title: 'Filler', info: { plot: 'x'.repeat(30_000) } })
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetch(`${url}/movies`, { method: 'POST', headers, body })
    if (!response.ok) return response
    await response.arrayBuffer()
  }
  throw new Error('The disk never became full')
}

function putString(url: string, body: string): Promise<Response> {
  return fetch(url, { method: 'PUT', body })
}
