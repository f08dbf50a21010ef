import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before } from 'node:test'
import { promisify } from 'node:util'
import ts from 'typescript'
import { buildRelease, startWorker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

const browser = ['chromium', 'google-chrome'].find((name) => !spawnSync(name, ['--version']).error)
const quietly = ['disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking']
let release: string

before(async () => {
  release = await buildRelease()
})

test('the script of the status page, bundled, uses nothing that a browser does not have', async (t) => {
  const { url } = await startWorker(t, { release, dataDir: makeDataDir() })
  const page = await (await fetch(`${url}/status`)).text()
  const file = join(makeDataDir(), 'page.js')
  writeFileSync(file, /<script>(.*)<\/script>/s.exec(page)?.[1] as string)
  const options = { allowJs: true, checkJs: true, noEmit: true, types: [] }
  const program = ts.createProgram([file], { ...options, lib: ['lib.es2024.d.ts', 'lib.dom.d.ts'] })
  assert.deepEqual(program.getSyntacticDiagnostics(), [])
  const messages = program.getSemanticDiagnostics().map(({ messageText }) => messageText)
  const unknown = messages.filter((text) => /^Cannot find name/.test(String(text)))
  assert.deepEqual(unknown, [])
  assert.ok(messages.length > 0, 'it was looked at, as a browser has no types to check')
})

test('the status page shows in a browser what the server says, and counts what it refuses', {
  skip: browser === undefined && 'needs chromium',
}, async (t) => {
  const { url } = await startWorker(t, { release, dataDir: makeDataDir() })
  const dataDir = makeDataDir()
  const flags = [...quietly.map((flag) => `--${flag}`), `--user-data-dir=${dataDir}`]
  const budget = '--virtual-time-budget=20000'
  const asking = setInterval(() => fetch(`${url}/nothing`).catch(() => {}), 50)
  t.after(() => clearInterval(asking))
  const args = ['--headless', '--no-sandbox', ...flags, budget, '--dump-dom', `${url}/status`]
  const { stdout } = await promisify(execFile)(browser as string, args, { timeout: 60_000 })
  assert.match(stdout, /<p id="verdict">All is well<\/p>/)
  assert.match(stdout, /<form hidden="">/, 'no token is asked for where none is needed')
  assert.match(stdout, /<td>404<\/td><td>not found<\/td><td>\d+<\/td>/)
  assert.match(stdout, /<path data-line="connections" d="M[\d.,ML]+">/)
  assert.match(stdout, /<span id="database">\d+ KB<\/span>/)
  assert.match(stdout, /<span id="backup">none yet<\/span>/)
})
