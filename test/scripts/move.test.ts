import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { remoteBox } from '../../scripts/instance/remote-box.ts'
import { fetchTables } from '../../scripts/stack/table-backup.ts'
import { connectTables } from '../../scripts/stack/tables.ts'
import { writeDatabaseFile } from '../../server/move/file.ts'
import { moveToBox, moveToTables, restoreToTables, type Sides } from '../../server/move/mover.ts'
import { needsDynoxide, startDynoxide } from '../support/dynoxide.ts'
import { getJson, readHeading, send, sendJson } from '../support/http.ts'
import { load, titlesOf } from '../support/movies.ts'
import { makeDataDir, startApp } from '../support/server.ts'
import { run } from './command.ts'
import { installSsh } from './stack/laptop.ts'

const skip = needsDynoxide
const engine = skip ? '' : await startDynoxide()
const movies = ['M', 'Été', `It's "${'👋'.repeat(50)}"`].map((title) => ({
  year: 1931,
  title,
  info: { title },
}))

/** A machine that is reached by SSH, and tables that are reached with the user's credentials. */
async function startBoth(t: test.TestContext) {
  const [box, prefix] = [await startApp(t), `cli-${randomUUID()}`]
  const env = { STORE: 'dynamodb', AWS_ENDPOINT_URL_DYNAMODB: engine, TABLE_PREFIX: prefix }
  // What it knows of a move must not be older than movers think.
  const wide = await startApp(t, env, { moveLeaseMs: 3000 })
  const home = makeDataDir()
  const bin = join(home, 'bin')
  mkdirSync(bin)
  installSsh(bin)
  Object.assign(process.env, {
    HOME: home,
    PATH: `${bin}:${process.env.PATH}`,
    FAKE_DATA: box.dataDir,
    AWS_ENDPOINT_URL_DYNAMODB: engine,
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  })
  const place = { region: 'eu-central-1', profile: undefined }
  const outputs = { tablePrefix: prefix } as Parameters<typeof connectTables>[2]
  const data = connectTables(place, 'wide', outputs)
  t.after(data.close)
  const said: string[] = []
  const sides: Sides = {
    ...data,
    box: remoteBox({ instanceId: 'i-1', ip: '203.0.113.10', ssh: 'ssh', region: place.region }),
    boxName: 'i-1',
    say: (text) => said.push(text),
    times: { settleMs: 7000 },
  }
  return { box, wide, data, sides, said }
}

// One site for all, as each step starts a process.
test('data moves over SSH to tables and back, and is backed up there', { skip }, async (t) => {
  const { box, wide, data, sides, said } = await startBoth(t)
  await load(box.url, movies)
  await sendJson('PUT', `${box.url}/hello/Anna`, { dateOfBirth: '1990-02-28' })
  await send('PUT', box.url, 'of the <machine>')
  const before = await getJson(`${box.url}/movies`)

  await moveToTables(sides, { url: wide.url, overwrite: false })
  assert.match(said.at(-1) as string, /^Moved; writes waited for \d+\.\d s$/)
  assert.deepEqual(await getJson(`${wide.url}/movies`), before)
  assert.equal((await fetch(box.url, { redirect: 'manual' })).status, 307)

  const folder = `${makeDataDir()}/`
  const file = join(folder, 'kept.db')
  await fetchTables(data, 'wide', file)
  await send('DELETE', `${wide.url}/movies?year=1931&title=M`)
  const restore = (overwrite: boolean) =>
    restoreToTables({ ...data, say() {} }, file, { overwrite })
  await assert.rejects(restore(false), { message: /has data\. Use --overwrite to replace it$/ })
  const write = () => Promise.reject(new Error('No rights'))
  const broken = { ...data, say() {}, rowsHeldBy: () => ({ ...data.rows, write }) }
  await assert.rejects(restoreToTables(broken, file, { overwrite: true }), {
    message: 'No rights. Writes wait until a restore succeeds: run it again',
  })
  assert.equal((await send('PUT', wide.url, 'meanwhile')).status, 503)
  await restore(true)
  assert.deepEqual(await getJson(`${wide.url}/movies`), before)

  await send('PUT', wide.url, 'of the tables')
  const toFile = async (rows: typeof data.rows) => {
    const path = join(folder, 'moved.db')
    return { path, summary: await writeDatabaseFile(path, rows.read()) }
  }
  await moveToBox({ ...sides, toFile }, { url: box.url, overwrite: false })
  assert.deepEqual(await titlesOf(box.url), [`It's "${'👋'.repeat(50)}"`, 'M', 'Été'])
  assert.equal(await readHeading(box.url), 'of the tables')
  assert.equal((await send('PUT', wide.url, 'again', { 'content-type': 'text/plain' })).status, 204)
  assert.equal(await readHeading(box.url), 'again')
})

test('a refusal of the machine arrives as one line', { skip }, async (t) => {
  const { box, sides } = await startBoth(t)
  await send('PUT', box.url, 'its own')
  await assert.rejects(sides.box.expect('tables', false), {
    message:
      'The database has data: 0 birthdays, 0 movies and the saved string. Use --overwrite to replace it',
  })
})

test('move needs two stacks', async () => {
  const { code, error } = await run('move', ['--from', 'dev'])
  assert.equal(code, 2)
  assert.match(error, /^From which stack to which\? Use --from dev --to wide$/m)
})
