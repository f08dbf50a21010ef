import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test, { type TestContext } from 'node:test'
import { tablesOf } from '../../../server/dynamodb/tables.ts'
import { createTableRows } from '../../../server/move/tables.ts'
import { connect, needsDynoxide, startDynoxide } from '../../support/dynoxide.ts'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { getJson } from '../../support/http.ts'
import { load, walk } from '../../support/movies.ts'
import { spawnFor } from '../../support/release.ts'
import { makeDataDir, startApp } from '../../support/server.ts'
import { needsFrom, toolPath } from '../../support/tools.ts'

// Emulators differ: dynoxide scans in the order of keys, moto in that of insertion, and only dynalite
// scans by hash, as AWS does. dynalite has no transactions, and moto loses some: they are only read.
const engines: Record<
  string,
  { skip: string | false; start: (t: TestContext) => Promise<string> }
> = {
  dynoxide: { skip: needsDynoxide, start: startDynoxide },
  dynalite: {
    skip: needsFrom('dynalite', 'npm install --global dynalite@4.0.0'),
    start: (t) => startEngine(t, 'dynalite', '--port'),
  },
  moto: {
    skip: needsFrom('moto_server', "pipx install 'moto[server]==5.2.5'"),
    start: (t) => startEngine(t, 'moto_server', '-p'),
  },
}

// In the order of their bytes; by UTF-16, the last two would change places.
const titles = [' ', '!', 'A', 'Z', 'a', 'e\u0301', 'z', 'é', 'あ', '\uffff', '\u{1f600}']
const years = [1, 9, 10, 99, 1000, 1933, 9999]
const movies = years.flatMap((year) => titles.map((title) => ({ year, title, info: { n: 9.1 } })))

for (const [name, { skip, start }] of Object.entries(engines)) {
  test(`${name} lists the same movies in the same order as SQLite`, { skip }, async (t) => {
    const endpoint = await start(t)
    const prefix = `order-${randomUUID()}`
    const env = { STORE: 'dynamodb', AWS_ENDPOINT_URL_DYNAMODB: endpoint, TABLE_PREFIX: prefix }
    const { url } = await startApp(t, env)
    const client = connect(endpoint)
    t.after(() => client.close())
    const shuffled = movies.map((_, index) => movies[(index * 31) % movies.length] as Movie)
    await createTableRows(client, tablesOf(prefix)).write(shuffled.map(toRow))
    const sqlite = await startApp(t, { DATA_DIR: makeDataDir() })
    await load(sqlite.url, movies)

    for (const limit of [7, 11, 100]) {
      const pages = await walk(url, `/movies?limit=${limit}`)
      assert.deepEqual(pages, await walk(sqlite.url, `/movies?limit=${limit}`))
      assert.deepEqual(
        pages.flatMap(({ movies }) => movies),
        movies,
      )
    }
    for (const query of ['year=1933', 'year=1934', 'year=1933&title=%C3%A9']) {
      assert.deepEqual(
        await getJson(`${url}/movies?${query}`),
        await getJson(`${sqlite.url}/movies?${query}`),
      )
    }
  })
}

type Movie = (typeof movies)[number]

function toRow({ year, title, info }: Movie) {
  return ['movies', year, title, JSON.stringify(info), 1] as [
    'movies',
    number,
    string,
    string,
    number,
  ]
}

async function startEngine(t: TestContext, command: string, option: string): Promise<string> {
  const port = await freePort()
  const engine = spawnFor(t, [option, String(port)], { command, env: { PATH: toolPath } })
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => {
    assert.equal(engine.exitCode, null, engine.output())
    return fetch(url).then(
      () => true,
      () => false,
    )
  }, 60_000)
  return url
}
