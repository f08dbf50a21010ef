import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { getJson } from '../support/http.ts'
import { freePort, spawnFor } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'
import { assertFailure, runFile } from './command.ts'

const root = resolve(import.meta.dirname, '../..')
const commands = { start: ['start'], 'run dev': ['run', 'dev'] }

for (const [name, args] of Object.entries(commands)) {
  test(`npm ${name} prints its address, and ends all its processes on a signal`, async (t) => {
    const site = await startSite(t, args, makeDataDir())
    assert.match(
      site.output(),
      /\nonebox is up at http:\/\/127\.0\.0\.1:\d+ \(Ctrl-C ends it\)\n+$/,
    )
    assert.equal((await fetch(site.url, { method: 'PUT', body: 'kept' })).status, 204)
    const printed = site.output()
    site.child.kill('SIGTERM')
    await once(site.child, 'exit')
    await assert.rejects(fetch(site.url))
    assert.equal(site.output(), printed)
  })
}

test('two npm start in one checkout both serve, and end independently', async (t) => {
  const dataDir = makeDataDir()
  const first = await startSite(t, ['start'], dataDir)
  const second = await startSite(t, ['start'], dataDir)
  assert.notDeepEqual(await workersOf(first.url), await workersOf(second.url))
  first.child.kill('SIGTERM')
  await once(first.child, 'exit')
  await assert.rejects(fetch(first.url))
  assert.equal((await fetch(second.url)).status, 200)
})

for (const script of ['local/start.ts', 'local/dev.ts']) {
  test(`${script} reports in one line why it cannot start, before anything else`, async (t) => {
    const name = script === 'local/start.ts' ? 'start' : 'run dev'
    const notFolder = join(makeDataDir(), 'file')
    writeFileSync(notFolder, '')
    const env = { PORT: String(await freePort()), DATA_DIR: makeDataDir() }
    const fails = async (
      args: string[],
      settings: Record<string, string>,
      line: RegExp,
      code = 1,
    ) => {
      const file = join(root, 'scripts', script)
      const ended = await runFile(file, args, { env: { ...env, ...settings } })
      assertFailure(ended, line, code)
      assert.equal(ended.out, '')
    }
    await fails(
      [],
      { DATA_DIR: notFolder },
      /^DATA_DIR .*\/file cannot be used: EEXIST.* writable folder/,
    )
    writeFileSync(join(env.DATA_DIR, 'onebox.db'), 'precious, and no database '.repeat(100))
    await fails([], {}, /onebox\.db is damaged: restore a backup$/m)
    await fails([], { WEB_CONCURRENCY: '0' }, /^WEB_CONCURRENCY must be an integer/)
    const help = `npm ${name} -- --help`
    const unknown = new RegExp(`^Unknown option --port: ${help} lists them$`, 'm')
    await fails(['--port', '9000'], {}, unknown, 2)
    const cure = new RegExp(`environment: PORT=9000 npm ${name}$`, 'm')
    await fails([], { npm_config_port: '9000' }, cure, 2)
    await fails(['now'], {}, new RegExp(`^npm ${name} takes no arguments, got "now": ${help}`), 2)
    const port = await occupyPort(t)
    const another = new RegExp(`^PORT ${port} cannot be used .*PORT=${port + 1} npm ${name}$`, 'm')
    await fails([], { PORT: String(port) }, another)
  })

  test(`${script} --help says where its settings come from`, async () => {
    const { code, out, error } = await runFile(join(root, 'scripts', script), ['--help'])
    assert.match(out, /^Usage: npm (start|run dev) .*\n(.*\n)+ {2}PORT=8081 npm/)
    assert.deepEqual([code, error], [0, ''])
  })
}

/** A site as a person starts it, with one worker, once it says that it is up. */
async function startSite(t: TestContext, args: string[], dataDir: string) {
  const url = `http://127.0.0.1:${await freePort()}`
  const env = { PORT: new URL(url).port, DATA_DIR: dataDir, WEB_CONCURRENCY: '1' }
  const child = spawnFor(t, ['--prefix', root, ...args], { command: 'npm', env })
  await eventually(async () => child.output().includes(`onebox is up at ${url}`), 60_000)
  return { child, url, output: child.output }
}

async function workersOf(url: string) {
  return (await getJson<{ workers: object[] }>(`${url}/healthz`)).workers
}

async function occupyPort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as { port: number }).port
}
