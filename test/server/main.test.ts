import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { mainFile, makeDataDir, startServer } from '../support/server.ts'

/** Runs the program to its end and gives what it left. */
function run(env: Record<string, string>, command: string[] = []) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const options = { env: { DATA_DIR: makeDataDir(), PORT: '0', ...env }, timeout: 20_000 }
    execFile(process.execPath, [mainFile, ...command], options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    )
  })
}

async function expectRefusal(env: Record<string, string>, line: RegExp, command?: string[]) {
  const { code, stdout, stderr } = await run(env, command)
  assert.equal(code, 1, stderr)
  assert.match(stderr, /^onebox: [^\n]+\n$/)
  assert.match(stderr, line)
  assert.equal(stdout, '')
}

test('a setting that makes no sense stops the start with one line, before anything is made', async () => {
  const dataDir = join(makeDataDir(), 'data')
  await expectRefusal({ PORT: 'http', DATA_DIR: dataDir }, /^onebox: PORT must be .* got "http": /)
  assert.ok(!existsSync(dataDir))
})

test('an address that is none of this machine stops the start, naming HOST', async () => {
  await expectRefusal({ HOST: '999.1.1.1', OPEN_WRITES: 'true' }, /HOST.*999\.1\.1\.1/)
})

test('a port that is taken stops the start, naming PORT', async (t) => {
  const { port } = new URL(await startServer(t))
  await expectRefusal({ PORT: port }, new RegExp(`PORT.*${port}`))
})

test('a DATA_DIR that is a file stops the start, naming DATA_DIR', async () => {
  const file = join(makeDataDir(), 'file')
  writeFileSync(file, 'precious')
  await expectRefusal({ DATA_DIR: file }, new RegExp(`DATA_DIR.*${file}`))
})

test('a command that there is not stops the start, naming those there are', async () => {
  await expectRefusal({}, /The command must be serve, canary, migrate: got server/, ['server'])
})

test('migrate makes the database and ends', async () => {
  const dataDir = makeDataDir()
  assert.deepEqual(await run({ DATA_DIR: dataDir }, ['migrate']), {
    code: 0,
    stdout: '',
    stderr: '',
  })
  assert.ok(existsSync(join(dataDir, 'onebox.db')))
})
