import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  cpSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { replay, sessionsOf } from '../support/readme.ts'
import { freePort, spawnFor, untilHealth } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'
import { needs } from '../support/tools.ts'

const root = resolve(import.meta.dirname, '../..')
const page = join(root, 'docs/your-own-service.md')
const fork = makeFork()

followPage()

test('following the page twice changes nothing', () => {
  const before = readSources()
  followPage()
  assert.deepEqual(readSources(), before)
})

test('the tests that the page names pass in a fork that follows it', async () => {
  const [session] = sessionsOf('Its test', page)
  const { stdout } = await run('sh', '-euc', (session?.commands ?? []).join('\n'))
  assert.match(stdout, /GET \/poll shows the leading choice first/)
  assert.match(stdout, /exactly the routes/)
})

test("the page's code is typed, linted and formatted like the rest", async () => {
  const tsconfig = { extends: './tsconfig.json', include: ['server', 'test/server/poll.test.ts'] }
  writeFileSync(join(fork, 'tsconfig.poll.json'), JSON.stringify(tsconfig))
  await run('npx', 'tsc', '--project', 'tsconfig.poll.json')
  await run('npx', 'biome', 'check', '--vcs-enabled=false', 'server', 'test/server')
})

test('its release answers as the page shows', {
  skip: needs('bash', 'curl'),
}, async (t) => {
  const port = String(await freePort())
  const url = `http://127.0.0.1:${port}`
  spawnFor(t, [join(fork, 'scripts/local/start.ts')], {
    env: { PORT: port, DATA_DIR: makeDataDir() },
  })
  await untilHealth(url, ({ release }) => /^[0-9a-f]{64}$/.test(release))
  const [session] = sessionsOf('In a release', page)
  assert.ok(session)
  assert.equal(replay(session, url), session.text)
})

function followPage() {
  for (const [, path = '', kind, code = ''] of readFileSync(page, 'utf8').matchAll(
    /`([\w./-]+)`:\n\n```(ts|diff)\n(.*?)```/gs,
  )) {
    const file = join(fork, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, kind === 'ts' ? code : change(readFileSync(file, 'utf8'), code))
  }
}

function readSources(): Record<string, string> {
  const files = globSync('{server,test}/**/*.{ts,json}', { cwd: fork })
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(fork, file), 'utf8')]))
}

/** This folder as `git clone` and `npm ci` would leave it elsewhere. */
function makeFork(): string {
  const dir = join(makeDataDir(), 'github.com/some-organisation-with-a-long-name/my team/onebox')
  const isSource = (name: string) => !['.git', 'node_modules', 'dist', 'data'].includes(name)
  for (const name of readdirSync(root).filter(isSource)) {
    cpSync(join(root, name), join(dir, name), { recursive: true })
  }
  const modules = join(root, 'node_modules')
  mkdirSync(join(dir, 'node_modules'))
  for (const name of readdirSync(modules)) {
    const place = join(dir, 'node_modules', name)
    // The build looks up in the lockfile where what it bundles really lies.
    if (name === 'better-sqlite3') cpSync(join(modules, name), place, { recursive: true })
    else symlinkSync(join(modules, name), place)
  }
  return dir
}

/** The text after a diff without line numbers, each of whose hunks fits in one place, or is there. */
function change(text: string, diff: string): string {
  return diff.split('@@\n').reduce((changed, hunk) => {
    const [before, after] = [side(hunk, '-'), side(hunk, '+')]
    if (changed.includes(after)) return changed
    assert.equal(changed.split(before).length, 2, `Not once in the file:\n${before}`)
    return changed.replace(before, () => after)
  }, text)
}

function side(hunk: string, sign: '-' | '+'): string {
  const lines = hunk.split('\n').filter((line) => line.startsWith(' ') || line.startsWith(sign))
  return lines.map((line) => `${line.slice(1)}\n`).join('')
}

function run(command: string, ...args: string[]) {
  // Or a `node --test` within a test would do nothing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return promisify(execFile)(command, args, { cwd: fork, env, timeout: 900_000 })
}
