import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import { eventually } from '../support/eventually.ts'
import { startLoad } from '../support/load.ts'
import { addMigration, buildRelease, spawnFor, startWorker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const rounds = 12
let release: string

before(async () => {
  release = await buildRelease()
})

test('a restore under PUTs to two workers loses no acknowledged PUT, and all see it at once', async (t) => {
  const { dataDir, urls, file } = await startFilled(t, 1000)
  await replaceMovies(urls[0], 1000, 'Old')
  const loads = urls.map((url) => startLoad(url, { keepAlive: 4, oneShot: 0, writeShare: 1 }))
  const reader = startReader(urls)
  await sleep(500)
  const { exitCode, output } = await run(t, dataDir, 'restore', file, '--overwrite')
  await sleep(500)
  await Promise.all(loads.map((load) => load.stop()))
  const plots = await reader.stop()

  assert.equal(exitCode, 0, output)
  assert.deepEqual(
    loads.flatMap(({ failures }) => failures),
    [],
  )
  assert.deepEqual([...new Set(plots)].sort(), ['New', 'Old'], 'each answer is of one state')
  assert.ok(plots.lastIndexOf('Old') < plots.indexOf('New'), 'and none goes back')
  const kept = namesIn(/kept in (\S+)/.exec(output)?.[1] as string)
  const live = namesIn(join(dataDir, 'onebox.db'))
  const saved = loads.flatMap((load) => [...load.saved])
  assert.deepEqual(
    saved.filter((name) => kept.has(name) === live.has(name)),
    [],
    'in the state before or in the state after',
  )
  assert.ok(kept.size > 0 && live.size > 0, `${kept.size} before and ${live.size} after`)
})

test('a restore that is killed at any moment leaves all or nothing of it, every time', async (t) => {
  const { dataDir, urls, file } = await startFilled(t, 4000)
  let replaced = 0
  for (let round = 0; round < rounds; round += 1) {
    await replaceMovies(urls[0], 4000, 'Old')
    const known = backupsIn(dataDir).length
    const child = start(t, dataDir, 'restore', file, '--overwrite')
    // The state before is in place now, and the replacing begins.
    while (child.exitCode === null && backupsIn(dataDir).length === known) await sleep(1)
    await sleep(round * 4)
    child.kill('SIGKILL')
    await child.ended
    const plots = (await Promise.all(urls.map(plotsOf))).flat()
    const [state, ...others] = new Set(plots)
    assert.deepEqual(others, [])
    assert.equal(plots.length, 2000)
    if (state === 'New') replaced += 1
  }
  t.diagnostic(`${replaced} of ${rounds} were through before they were killed`)
  assert.equal((await run(t, dataDir, 'restore', file, '--overwrite')).exitCode, 0)
  assert.deepEqual(
    readdirSync(join(dataDir, 'backups')).filter((name) => /draft/.test(name)),
    [],
  )
  const database = new SQLite(join(dataDir, 'onebox.db'), { readonly: true })
  assert.equal(database.pragma('integrity_check', { simple: true }), 'ok')
  database.close()
})

test('a restore that fails in the middle on a full disk changes nothing and says so', async (t) => {
  const { dataDir, urls, file } = await startFilled(t, 4000)
  await replaceMovies(urls[0], 4000, 'Old')
  await pinLog(t, dataDir)
  await replaceMovies(urls[0], 1000, 'Old')
  // The limit lets the copies through, and not the log, to which the restore adds as much again.
  const blocks = Math.ceil((readFileSync(file).length + 100_000) / 1024)
  const script = `ulimit -f ${blocks}; exec "$0" "$@"`
  const args = ['-c', script, process.execPath, join(release, 'server.cjs'), 'restore', file]
  const options = { command: 'bash', env: { DATA_DIR: dataDir } }
  const child = spawnFor(t, [...args, '--overwrite'], options)
  const exitCode = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(exitCode, 1, child.output())
  assert.match(child.output(), /^onebox: Nothing was restored: [^\n]+ try again\n$/)
  for (const url of urls) assert.match((await plotsOf(url))[0] as string, /^Old/)
  const left = readdirSync(join(dataDir, 'backups'))
    .map((name) => name.replace(/\d+/g, ''))
    .sort()
  assert.deepEqual(left, ['.lock', 'onebox-TZ.db', 'onebox-TZ.db'], 'the state before was kept')
  assert.equal((await fetch(urls[0], { method: 'PUT', body: 'goes on' })).status, 204)
})

test('a backup of the previous release is migrated when it is restored', async (t) => {
  const { file } = await startFilled(t, 10)
  const next = addMigration(
    release,
    'with views',
    'ALTER TABLE movies ADD COLUMN views INTEGER NOT NULL DEFAULT 5',
  )
  const dataDir = makeDataDir()
  const { url } = await startWorker(t, { release: next, dataDir })
  const size = readFileSync(file)
  const args = [join(next, 'server.cjs'), 'restore', file]
  const child = spawnFor(t, args, { env: { DATA_DIR: dataDir } })
  assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0, child.output())
  assert.equal((await plotsOf(url)).length, 10)
  assert.deepEqual(readFileSync(file), size, 'the file stays as it was')
  const database = new SQLite(join(dataDir, 'onebox.db'), { readonly: true })
  const views = database.prepare('SELECT DISTINCT views FROM movies').pluck().all()
  database.close()
  assert.deepEqual(views, [5])
})

/** Two workers on one folder with movies called New, and a backup of that. */
async function startFilled(t: TestContext, count: number) {
  const dataDir = makeDataDir()
  const one = await startWorker(t, { release, dataDir, name: '0' })
  const two = await startWorker(t, { release, dataDir, name: '1' })
  await replaceMovies(one.url, count, 'New')
  const { exitCode, output } = await run(t, dataDir, 'backup')
  assert.equal(exitCode, 0, output)
  const urls: [string, string] = [one.url, two.url]
  return { dataDir, urls, file: output.trim() }
}

/** Gives every movie the same plot, by which its state is told. */
async function replaceMovies(url: string, count: number, plot: string) {
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ year: 2000, title: `Movie ${index}`, info: { plot, more: 'x'.repeat(400) } }),
  )
  const headers = { 'content-type': 'application/x-ndjson' }
  const response = await fetch(`${url}/movies`, { method: 'POST', headers, body: lines.join('\n') })
  assert.equal(response.status, 200, await response.text())
}

/** Empties the write-ahead log and keeps it from starting anew, by a reader that stays. */
async function pinLog(t: TestContext, dataDir: string) {
  const database = new SQLite(join(dataDir, 'onebox.db'))
  t.after(() => database.close())
  const empty = () => database.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) === 0
  await eventually(async () => empty())
  database.exec('BEGIN; SELECT count(*) FROM movies')
}

/** The plots of up to a thousand movies, in one answer. */
async function plotsOf(url: string): Promise<string[]> {
  const response = await fetch(`${url}/movies?limit=1000`)
  const { movies } = (await response.json()) as { movies: { info: { plot: string } }[] }
  return movies.map(({ info }) => info.plot)
}

/** Reads from one worker after the other; gives each answer's plot, all of them where they differ. */
function startReader(urls: string[]) {
  const seen: string[] = []
  let stopping = false
  const reading = read()
  return {
    async stop() {
      stopping = true
      await reading
      return seen
    },
  }

  async function read() {
    for (let round = 0; !stopping; round += 1) {
      seen.push(...new Set(await plotsOf(urls[round % urls.length] as string)))
    }
  }
}

function namesIn(path: string): Set<unknown> {
  const database = new SQLite(path, { readonly: true })
  const names = database.prepare('SELECT username FROM birthdays').pluck().all()
  database.close()
  return new Set(names)
}

function backupsIn(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'backups')).filter((name) => name.endsWith('.db'))
}

function start(t: TestContext, dataDir: string, ...args: string[]) {
  const child = spawnFor(t, [join(release, 'server.cjs'), ...args], { env: { DATA_DIR: dataDir } })
  const ended = new Promise((resolve) => child.on('close', resolve))
  return Object.assign(child, { ended })
}

async function run(t: TestContext, dataDir: string, ...args: string[]) {
  const child = start(t, dataDir, ...args)
  return { exitCode: await child.ended, output: child.output() }
}
