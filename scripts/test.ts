import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArguments } from './terminal/arguments.ts'
import { runCommand } from './terminal/fail.ts'

const help = `npm test: lint, types, build and every test; or only the tests of some files

  npm test -- test/server/movies.test.ts`

// What tests and killed servers leave behind goes with it.
const TMPDIR = mkdtempSync(join(tmpdir(), 'onebox-test-'))
process.on('exit', () => rmSync(TMPDIR, { recursive: true, force: true, maxRetries: 3 }))

const root = resolve(import.meta.dirname, '..')
const reporter = join(root, 'test/support/reporter.ts')
const flags = ['--test', `--test-reporter=${reporter}`, '--test-concurrency=4']

runCommand(async () => {
  const { positionals: files } = parseArguments('test', help, { allowPositionals: true })
  const all = files.length === 0
  if (all) await run('npm', 'run', 'lint')
  if (all) await run(process.execPath, 'provisioning/packaging/main.ts')
  const wanted = all ? ['test/**/*.test.ts'] : files
  await run(process.execPath, ...flags, '--test-timeout=600000', ...wanted)
})

/** Runs a command; if it fails, so does this process, with the same exit code. */
async function run(command: string, ...args: string[]) {
  const env = { ...process.env, TMPDIR }
  const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  if (code !== 0) process.exit(code ?? 1)
}
