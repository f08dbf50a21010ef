import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { defineCommand } from '../terminal/command.ts'
import { dispatch, runCommand } from '../terminal/run.ts'
import { readLocalSite, serveUntilSignal } from './local-site.ts'

const watch = ['--watch', '--watch-path=server', '--watch-preserve-output']

const command = defineCommand({
  usage: '',
  about: `Serves from the sources and restarts at every change, until Ctrl-C.
Settings come from the environment; the README lists them all:

  PORT=8081 npm run dev        listen on another port
  LOG_LEVEL=info npm run dev   log every request`,
  options: {},
  async run() {
    const { config, env } = await readLocalSite('npm run dev')
    const node = spawn(process.execPath, [...watch, 'server/main.ts'], {
      cwd: resolve(import.meta.dirname, '../..'),
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    await serveUntilSignal(node, { ...config, workers: 1 })
  },
})

await runCommand(() => dispatch('npm run dev', command))
