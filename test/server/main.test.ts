import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import { eventually } from '../support/eventually.ts'
import { inherited } from '../support/inherited.ts'
import { startProgram } from '../support/program.ts'
import { mainFile, makeDataDir, startServer } from '../support/server.ts'

/** Runs the program until it ends. Returns its output and exit code. */
function run(env: Record<string, string>, command: string[] = []) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const given = { ...inherited, DATA_DIR: makeDataDir(), PORT: '0', ...env }
    const options = { env: given, timeout: 20_000 }
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

test('an invalid setting stops the start with one line, before anything is created', async () => {
  const dataDir = join(makeDataDir(), 'data')
  await expectRefusal({ PORT: 'http', DATA_DIR: dataDir }, /^onebox: PORT must be .* got "http": /)
  assert.ok(!existsSync(dataDir))
})

test('an address of another machine stops the start, naming HOST', async () => {
  await expectRefusal({ HOST: '999.1.1.1', OPEN_WRITES: 'true' }, /HOST.*999\.1\.1\.1/)
})

test('a port in use stops the start, naming PORT', async (t) => {
  const { port } = new URL(await startServer(t))
  await expectRefusal({ PORT: port }, new RegExp(`PORT.*${port}`))
})

test('a DATA_DIR that is a file stops the start, naming DATA_DIR', async () => {
  const file = join(makeDataDir(), 'file')
  writeFileSync(file, 'precious')
  await expectRefusal({ DATA_DIR: file }, new RegExp(`DATA_DIR.*${file}`))
})

test('an unknown command fails and lists the commands', async () => {
  await expectRefusal({}, /Unknown command "server": use serve, canary, migrate, backup, restore/, [
    'server',
  ])
})

test('migrate creates the database and exits', async () => {
  const dataDir = makeDataDir()
  assert.deepEqual(await run({ DATA_DIR: dataDir }, ['migrate']), {
    code: 0,
    stdout: '',
    stderr: '',
  })
  assert.ok(existsSync(join(dataDir, 'onebox.db')))
})

test('backup prints only the path of its backup, and keeps BACKUPS_KEPT backups', async () => {
  const env = { DATA_DIR: makeDataDir(), BACKUPS_KEPT: '2' }
  await run(env, ['migrate'])
  for (let index = 0; index < 3; index += 1) {
    const { code, stdout, stderr } = await run(env, ['backup'])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^\S+\.db\n$/)
    assert.ok(existsSync(stdout.trim()))
  }
  const names = readdirSync(join(env.DATA_DIR, 'backups')).filter((name) => /\.db$/.test(name))
  assert.equal(names.length, 2)
})

test('two backups at once both succeed, under different names', async () => {
  const env = { DATA_DIR: makeDataDir() }
  await run(env, ['migrate'])
  const outcomes = await Promise.all([run(env, ['backup']), run(env, ['backup'])])
  const paths = outcomes.map(({ stdout }) => stdout.trim())
  assert.ok(paths.every((path) => existsSync(path)))
  assert.equal(new Set(paths).size, 2)
})

test('restore prints one line, and refuses an invalid command line', async () => {
  const env = { DATA_DIR: makeDataDir() }
  await run(env, ['migrate'])
  const file = (await run(env, ['backup'])).stdout.trim()
  const { code, stdout, stderr } = await run(env, ['restore', file])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Restored 0 birthdays, 0 movies and the saved string from [^\n]+\n$/)
  await expectRefusal(env, /restore FILE \[--overwrite\]/, ['restore'])
  await expectRefusal(env, /restore FILE \[--overwrite\]/, ['restore', file, file])
  await expectRefusal(env, /--force/, ['restore', file, '--force'])
})

const kernelBacklog = () => Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))

test('a thousand connections at once wait for a busy server, and none has to retry', {
  skip: (process.platform !== 'linux' || kernelBacklog() < 1100) && 'the kernel queues fewer',
}, async (t) => {
  const { url, child } = await startProgram(t)
  child.kill('SIGSTOP')
  let connected = 0
  const sockets = Array.from({ length: 1000 }, () =>
    net.connect(Number(new URL(url).port), '127.0.0.1', () => {
      connected += 1
    }),
  )
  for (const socket of sockets) socket.on('error', () => {})
  t.after(() => sockets.forEach((socket) => void socket.destroy()))
  await eventually(async () => connected === sockets.length)
})
