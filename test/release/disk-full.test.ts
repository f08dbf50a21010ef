import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { buildRelease, freePort, spawnFor, untilHealth } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const namespace = ['--map-root-user', '--mount']
const canMount =
  spawnSync('unshare', [...namespace, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

test('a full disk answers writes with 507 and reads as ever, and recovers by itself', {
  skip: !canMount && 'needs Linux with user namespaces',
}, async (t) => {
  const { url, ballast } = await startOnSmallDisk(t)
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

/** A server whose data is on a disk of 6 MB, half of it taken by `ballast`. */
async function startOnSmallDisk(t: test.TestContext) {
  const release = await buildRelease()
  const dataDir = makeDataDir()
  const port = await freePort()
  const script = `mount -t tmpfs -o size=6m tmpfs "$DATA_DIR"
    head -c 3000000 /dev/zero > "$DATA_DIR/ballast"
    exec "$0" "$1"`
  const args = [...namespace, 'sh', '-ec', script, process.execPath, join(release, 'server.cjs')]
  const env = { DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'error' }
  const child = spawnFor(t, args, { command: 'unshare', env })
  const url = `http://127.0.0.1:${port}`
  await untilHealth(url, ({ status }) => status === 'ok')
  // The disk is in the server's mount namespace alone, and this is the way into it.
  return { url, ballast: join(`/proc/${child.pid}/root`, dataDir, 'ballast') }
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
