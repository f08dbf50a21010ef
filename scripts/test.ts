import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { defineCommand } from './terminal/command.ts'
import { dispatch, runCommand } from './terminal/run.ts'

// Removed at the end, with all that tests and killed servers leave behind.
const TMPDIR = mkdtempSync(join(tmpdir(), 'onebox-test-'))
process.on('exit', () => rmSync(TMPDIR, { recursive: true, force: true, maxRetries: 3 }))

const root = resolve(import.meta.dirname, '..')
const reporter = join(root, 'test/support/reporter.ts')
const flags = ['--test', `--test-reporter=${reporter}`, '--test-concurrency=4']

const command = defineCommand({
  usage: '[FILE...]',
  about:
    'Runs the linter, the type checker, the build and every test; or only the tests of some files.',
  options: {},
  async run(_, files) {
    const all = files.length === 0
    if (all) await run('npm', 'run', 'lint')
    if (all) await run(process.execPath, 'scripts/build.ts')
    if (all) await run(process.execPath, 'test/support/pulumi/cli.ts')
    const wanted = all ? ['test/**/*.test.ts'] : files
    await run(process.execPath, ...flags, '--test-timeout=1200000', ...wanted)
  },
})

await runCommand(() => dispatch('npm test', command))

/** Runs a command; if it fails, so does this process, with the same exit code. */
async function run(command: string, ...args: string[]) {
  const env = { ...process.env, TMPDIR }
  const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  if (code !== 0) process.exit(code ?? 1)
}
