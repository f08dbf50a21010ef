// The Pulumi CLI with the state and passphrase of our commands: `npm run pulumi -- config`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { backendEnvironment, program, requireCli } from '../stack/pulumi.ts'
import { runCommand } from '../terminal/fail.ts'

await runCommand(async () => {
  const args = process.argv.slice(2)
  const at = args.indexOf('--stack')
  const stack = (at >= 0 && args[at + 1]) || 'dev'
  const { command } = await requireCli()
  const env = { ...process.env, ...backendEnvironment(stack) }
  const child = spawn(command, args, { cwd: program, env, stdio: 'inherit' })
  process.on('SIGINT', () => {})
  const [code] = await once(child, 'exit')
  process.exitCode = code ?? 1
})
