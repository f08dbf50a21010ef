import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { runCommand } from '../terminal/fail.ts'
import { readLocalSite, serveUntilSignal } from './site.ts'

const help = `npm run dev: serves from the sources, and starts again at every change, until Ctrl-C

Settings come from the environment; the README lists them all.
  PORT=8081 npm run dev        listen on another port
  LOG_LEVEL=info npm run dev   log every request`

const watch = ['--watch', '--watch-path=server', '--watch-preserve-output']

runCommand(async () => {
  const { config, env } = await readLocalSite('dev', help)
  const node = spawn(process.execPath, [...watch, 'server/main.ts'], {
    cwd: resolve(import.meta.dirname, '../..'),
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  await serveUntilSignal(node, { ...config, workers: 1 })
})
