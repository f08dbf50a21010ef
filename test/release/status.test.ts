import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before } from 'node:test'
import { promisify } from 'node:util'
import ts from 'typescript'
import { browserArguments, needsBrowser } from '../support/browser.ts'
import { buildRelease, startWorker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

let release: string

before(async () => {
  release = await buildRelease()
})

for (const path of ['/saved-string.js', '/status.js']) {
  test(`${path}, bundled, uses nothing that a browser does not have`, async (t) => {
    const { url } = await startWorker(t, { release, dataDir: makeDataDir() })
    const messages = problemsOf(await (await fetch(url + path)).text())
    const unknown = messages.filter((text) => /^Cannot find name/.test(String(text)))
    assert.deepEqual(unknown, [])
    assert.ok(messages.length > 0, 'it was looked at, as a browser has no types to check')
  })
}

/** What TypeScript has to say of a script, which must at least be well-formed. */
function problemsOf(script: string) {
  const file = join(makeDataDir(), 'page.js')
  writeFileSync(file, script)
  const options = { allowJs: true, checkJs: true, noEmit: true, types: [] }
  const program = ts.createProgram([file], { ...options, lib: ['lib.es2024.d.ts', 'lib.dom.d.ts'] })
  assert.deepEqual(program.getSyntacticDiagnostics(), [])
  return program.getSemanticDiagnostics().map(({ messageText }) => messageText)
}

test('the status page in a browser shows the state of the server, and counts refused requests', {
  skip: needsBrowser,
}, async (t) => {
  const { url } = await startWorker(t, { release, dataDir: makeDataDir() })
  const [browser, flags] = browserArguments()
  const asking = setInterval(() => fetch(`${url}/nothing`).catch(() => {}), 50)
  t.after(() => clearInterval(asking))
  const args = [...flags, '--virtual-time-budget=20000', '--dump-dom', `${url}/status`]
  const { stdout } = await promisify(execFile)(browser, args, { timeout: 60_000 })
  assert.match(stdout, /<p id="verdict">All is well<\/p>/)
  assert.match(stdout, /<form hidden="">/, 'no token is asked for where none is needed')
  assert.match(stdout, /<td>404<\/td><td>not found<\/td><td>\d+<\/td>/)
  assert.match(stdout, /<path data-line="connections" d="M[\d.,ML]+">/)
  assert.match(stdout, /<span id="database">\d+ KB<\/span>/)
  assert.match(stdout, /<span id="backup">none yet<\/span>/)
})
