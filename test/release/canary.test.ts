import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before, type TestContext } from 'node:test'
import SQLite from 'better-sqlite3'
import {
  addMigration,
  buildRelease,
  copyRelease,
  spawnFor,
  startWorker,
} from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const deafness = "require('node:net').Server.prototype.listen = function () { return this }"

let release: string

before(async () => {
  release = await buildRelease()
})

test('the canary of a good release passes beside the one that serves', async (t) => {
  const { worker, dataDir } = await startService(t)
  const { exitCode, output } = await runCanary(t, release, dataDir)
  assert.equal(exitCode, 0, output)
  await expectUntouched(worker.url, dataDir)
})

test('the canary refuses a release that throws at start', async (t) => {
  const { worker, dataDir } = await startService(t)
  const broken = breakRelease('throws', "throw new Error('broken at start')")
  const { exitCode, output } = await runCanary(t, broken, dataDir)
  assert.notEqual(exitCode, 0)
  assert.match(output, /broken at start/)
  await expectUntouched(worker.url, dataDir)
})

test('the canary refuses a release that never gets ready, within its timeout', async (t) => {
  const { worker, dataDir } = await startService(t)
  const { exitCode, output } = await runCanary(t, breakRelease('never ready', deafness), dataDir)
  assert.equal(exitCode, 1)
  assert.match(output, /Not ready in \d+ ms/)
  await expectUntouched(worker.url, dataDir)
})

test('the canary refuses a release that cannot answer', async (t) => {
  const { worker, dataDir } = await startService(t)
  const dumb = `const { Server } = require('node:http')
    const { emit } = Server.prototype
    Server.prototype.emit = function (event, ...rest) {
      return event !== 'request' && emit.call(this, event, ...rest)
    }`
  const { exitCode, output } = await runCanary(t, breakRelease('cannot answer', dumb), dataDir)
  assert.equal(exitCode, 1, output)
  await expectUntouched(worker.url, dataDir)
})

test('the canary refuses a release whose migration fails, and the database stays', async (t) => {
  const { worker, dataDir } = await startService(t)
  const broken = addMigration(release, 'bad migration', 'CREATE TABLE movies (id INTEGER)')
  const { exitCode, output } = await runCanary(t, broken, dataDir)
  assert.equal(exitCode, 1)
  assert.match(output, /table movies already exists/)
  await expectUntouched(worker.url, dataDir)
})

test('the canary tries a migration on a copy only', async (t) => {
  const { worker, dataDir } = await startService(t)
  const next = addMigration(
    release,
    'good migration',
    'CREATE TABLE gifts (id INTEGER PRIMARY KEY) STRICT',
  )
  const { exitCode, output } = await runCanary(t, next, dataDir)
  assert.equal(exitCode, 0, output)
  await expectUntouched(worker.url, dataDir)

  const migrated = await run(t, [join(next, 'server.cjs'), 'migrate'], dataDir)
  assert.equal(migrated.exitCode, 0, migrated.output)
  await expectUntouched(worker.url, dataDir)
  assert.equal((await runCanary(t, release, dataDir)).exitCode, 0, 'the release before goes on')
})

test('the canary migrates the database if it is to, but not if it fails', async (t) => {
  const { worker, dataDir } = await startService(t)
  const migrating = addMigration(
    release,
    'gifts',
    'CREATE TABLE gifts (id INTEGER PRIMARY KEY) STRICT',
  )
  const before = schemaOf(dataDir)
  const deaf = breakRelease('deaf gifts', deafness, migrating)
  assert.equal((await runCanary(t, deaf, dataDir, 'migrate')).exitCode, 1)
  assert.equal(schemaOf(dataDir), before)

  const { exitCode, output } = await runCanary(t, migrating, dataDir, 'migrate')
  assert.equal(exitCode, 0, output)
  assert.equal(schemaOf(dataDir), before + 1)
  await expectUntouched(worker.url, dataDir)
})

test('the canary of the first release passes without a database', async (t) => {
  const dataDir = makeDataDir()
  const { exitCode, output } = await runCanary(t, release, dataDir)
  assert.equal(exitCode, 0, output)
  assert.deepEqual(readdirSync(dataDir), [])
})

test('the canary passes before the data folder exists', async (t) => {
  const dataDir = join(makeDataDir(), 'new')
  const { exitCode, output } = await runCanary(t, release, dataDir)
  assert.equal(exitCode, 0, output)
})

async function startService(t: TestContext) {
  const dataDir = makeDataDir()
  const worker = await startWorker(t, { release, dataDir })
  await fetch(worker.url, { method: 'PUT', body: 'kept' })
  return { worker, dataDir }
}

function breakRelease(name: string, code: string, from = release): string {
  const broken = copyRelease(from, name)
  const file = join(broken, 'server.cjs')
  writeFileSync(file, `${code}\n${readFileSync(file, 'utf8')}`)
  return broken
}

function runCanary(t: TestContext, dir: string, dataDir: string, ...then: string[]) {
  return run(t, [join(dir, 'server.cjs'), 'canary', ...then], dataDir)
}

function schemaOf(dataDir: string): number {
  const database = new SQLite(join(dataDir, 'onebox.db'), { readonly: true })
  try {
    return database.pragma('user_version', { simple: true }) as number
  } finally {
    database.close()
  }
}

async function run(t: TestContext, args: string[], dataDir: string) {
  const child = spawnFor(t, args, { env: { DATA_DIR: dataDir, CANARY_TIMEOUT_MS: '3000' } })
  const exitCode = await new Promise((resolve) => child.on('close', resolve))
  return { exitCode, output: child.output() }
}

async function expectUntouched(url: string, dataDir: string) {
  const body = await (await fetch(url)).text()
  assert.match(body, /<h1>The saved string is kept<\/h1>/)
  const put = await fetch(url, { method: 'PUT', body: 'kept' })
  assert.equal(put.status, 204)
  const left = readdirSync(dataDir).filter((name) => /canary|draft/.test(name))
  assert.deepEqual(left, [])
}
