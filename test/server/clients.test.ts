import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { readHeading } from '../support/http.ts'
import { startServer } from '../support/server.ts'

const run = promisify(execFile)
const home = resolve(import.meta.dirname, '../../scripts/clients')
const bin = join(home, 'node_modules/.bin')
const skip =
  !existsSync(bin) && 'needs orval and openapi-typescript: npm ci --prefix scripts/clients'

/** A folder with the generators' packages and the contract from the server. */
async function prepare(t: TestContext) {
  const url = await startServer(t)
  const folder = mkdtempSync(join(home, '.client-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'openapi.json'), await (await fetch(`${url}/openapi.json`)).text())
  return { url, folder, generate }

  function generate(program: string, ...args: string[]) {
    const [node, file] = [process.execPath, join(bin, program)]
    return run(node, [file, ...args], { cwd: folder, timeout: 60_000 })
  }
}

test("orval's fetch client saves a string and movies, and reads them", { skip }, async (t) => {
  const { url, folder, generate } = await prepare(t)
  const output = { target: './client.ts', client: 'fetch', baseUrl: url }
  const config = { onebox: { input: { target: './openapi.json' }, output } }
  writeFileSync(join(folder, 'config.mjs'), `export default ${JSON.stringify(config)}`)
  await generate('orval', '--config', './config.mjs')
  const client = await import(join(folder, 'client.ts'))
  await useClient(url, {
    putString: (string) => client.putString({ string }),
    postMovie: (movie) => client.postMovies(movie),
    postQuery: (query) => client.postMovies(undefined, query),
    getMovie: (query) => client.getMovies(query),
  })
  await assertTyped(folder, "import './client.ts'", generate)
})

test("openapi-fetch saves and reads the same, with openapi-typescript's types", {
  skip,
}, async (t) => {
  const { url, folder, generate } = await prepare(t)
  await generate('openapi-typescript', './openapi.json', '--output', './schema.ts')
  const source = `import createClient from 'openapi-fetch'
import type { components, paths } from './schema.ts'
type Movie = components['schemas']['Movie']
type Query = { year: number; title: string }
const { GET, POST, PUT } = createClient<paths>({ baseUrl: '${url}' })
const statusOf = ({ response, data }: { response: Response; data?: unknown }) => ({ status: response.status, data })
export const putString = async (string: string) => statusOf(await PUT('/', { body: { string } }))
export const postMovie = async (body: Movie) => statusOf(await POST('/movies', { body }))
export const postQuery = async (query: Query) => statusOf(await POST('/movies', { params: { query } }))
export const getMovie = async (query: Query) => statusOf(await GET('/movies', { params: { query } }))
`
  await assertTyped(folder, source, generate)
  await useClient(url, await import(join(folder, 'use.ts')))
})

interface Movie {
  year: number
  title: string
  info: object
}

interface Client {
  putString: (string: string) => Promise<{ status: number }>
  postMovie: (movie: Movie) => Promise<{ status: number; data?: unknown }>
  postQuery: (query: { year: number; title: string }) => Promise<{ status: number }>
  getMovie: (query: { year: number; title: string }) => Promise<{ status: number; data?: unknown }>
}

async function useClient(url: string, { putString, postMovie, postQuery, getMovie }: Client) {
  const metropolis = { year: 1927, title: 'Metropolis', info: { rating: 8.3 } }
  assert.equal((await putString('{"from": "a client"} ✓')).status, 204)
  assert.equal(await readHeading(url), '{&quot;from&quot;: &quot;a client&quot;} ✓')
  assert.equal((await postMovie(metropolis)).status, 201)
  assert.equal((await postMovie(metropolis)).status, 200)
  assert.equal((await postQuery({ year: 1931, title: 'M' })).status, 201)
  const { status, data } = await getMovie({ year: 1927, title: 'Metropolis' })
  assert.equal(status, 200)
  assert.deepEqual(data, metropolis)
}

async function assertTyped(
  folder: string,
  source: string,
  tsc: (program: string, ...args: string[]) => Promise<unknown>,
) {
  writeFileSync(join(folder, 'use.ts'), source)
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--allowImportingTsExtensions']
  await tsc('tsc', ...options, '--target', 'es2024', '--module', 'nodenext', 'use.ts')
}
